"""Times and memory of alternatives, taken in turns so that a drifting machine affects all alike.

A turn is a few runs of one alternative. The first does not count: it refills caches and allocates
memory that other alternatives displaced.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypedDict

import torch
from torch.profiler import ProfilerActivity, profile

Run = Callable[[], object]

# Counted runs of a turn.
RUNS = 4


class Measurement(TypedDict):
    """Time and memory of one alternative.

    Attributes:
        median_ms: of all counted runs, milliseconds.
        quartiles_ms: the first and the third.
        peak_mb: peak memory of tensors beyond what was allocated before, 10^6 bytes; None if it
            was not measured.
    """

    median_ms: float
    quartiles_ms: tuple[float, ...]
    peak_mb: float | None


def compare(
    runs: Mapping[str, Run],
    device: torch.device,
    *,
    seconds: float = 2.0,
    least: int = 3,
    memory: bool = True,
) -> dict[str, Measurement]:
    """Measure alternatives A, B, C in turns: AAAAA BBBBB CCCCC AAAAA ...

    Args:
        runs: what is timed, by name; called twice before timing starts.
        device: the device that they run on.
        seconds: how long all turns together take, unless `least` turns take longer.
        least: smallest number of turns.
        memory: also measure each one's peak memory, in a run that is not timed.
    """
    for run in runs.values():
        for _ in range(2):
            run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds
    turns = 0
    while turns < least or time.perf_counter() < end:
        turns += 1
        for name, run in runs.items():
            run()
            times[name] += [_time(run, device) for _ in range(RUNS)]
    return {
        name: Measurement(
            median_ms=statistics.median(taken),
            quartiles_ms=tuple(statistics.quantiles(taken, n=4)[::2]),
            peak_mb=peak_memory(runs[name], device) / 1e6 if memory else None,
        )
        for name, taken in times.items()
    }


def peak_memory(run: Run, device: torch.device) -> int:
    """Peak memory of tensors during a run beyond what was allocated before, bytes.

    On a CPU, scratch space that libraries allocate without PyTorch does not count.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    # Otherwise the profiler prints when it starts and ends.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    # Without `acc_events` torch 2.11 warns of several cycles; there is one.
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True
    ) as profiled:
        run()
    events = profiled.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    peak = held = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


def _time(run: Run, device: torch.device) -> float:
    """Milliseconds of one run."""
    if device.type == "cuda":
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        start.record()
        run()
        end.record()
        torch.cuda.synchronize(device)
        return float(start.elapsed_time(end))
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1e3
