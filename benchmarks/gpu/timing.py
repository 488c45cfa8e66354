"""Time of a call on a CUDA device by its own events, or roughly on the CPU."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

WARM_UP, BATCH, MOST, MEASURE_S = 3, 10, 200, 0.25


class Time(NamedTuple):
    """Of one call: milliseconds and memory beyond what was there before."""

    median_ms: float
    low_quartile_ms: float
    high_quartile_ms: float
    repeats: int
    peak_mb: float | None


def measure(
    call: Callable[[], object], device: torch.device, *, seconds: float = MEASURE_S
) -> Time:
    """Time a call after a warm-up, several times, for at least `seconds` or until `MOST` times.

    Calls are queued a batch at a time, so that the device waits for the host only where it is
    faster than the host can launch.
    """
    dry = device.type == "cpu"
    call()
    before = 0 if dry else torch.cuda.memory_allocated()
    if not dry:
        torch.cuda.reset_peak_memory_stats()
        for _ in range(WARM_UP):
            call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or (not dry and time.perf_counter() < end and len(times) < MOST):
        times += host_batch(call) if dry else device_batch(call)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    peak = None if dry else (torch.cuda.max_memory_allocated() - before) / 2**20
    return Time(median, low, high, len(times), peak)


def host_batch(call: Callable[[], object]) -> list[float]:
    """Milliseconds of two calls by the host's clock."""
    times = []
    for _ in range(2):
        begun = time.perf_counter()
        call()
        times.append((time.perf_counter() - begun) * 1e3)
    return times


def device_batch(call: Callable[[], object]) -> list[float]:
    """Milliseconds of `BATCH` calls by events on the device."""
    events = [torch.cuda.Event(enable_timing=True) for _ in range(BATCH + 1)]
    events[0].record()
    for event in events[1:]:
        call()
        event.record()
    events[-1].synchronize()
    return [first.elapsed_time(second) for first, second in itertools.pairwise(events)]


def device_of(dry: bool) -> torch.device:
    return torch.device("cpu" if dry else "cuda")
