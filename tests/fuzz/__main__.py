"""Fuzzing: inputs made from good ones, by number, so that each can be made again.

    make fuzz                                   all targets for three minutes together
    make fuzz-long                              the long run; its result is docs/results/fuzz.json
    python -m fuzz videos --first 4711 --inputs 1   one input again, with all that is said of it

An input ends in a right answer, or in an error of the documented type in one line that names it.
Faults are written below ``--faults``, each as the input itself and what came of it.
"""

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fuzz.guard import MAX_BYTES, MAX_CPU_S, Worker
from fuzz.targets import TARGETS
from motionlens._utils.process_pool import run_in_processes
from motionlens._utils.version import __version__
from motionlens._utils.worker_process import Lost

# A machine with other work is slower than its processor's time.
_DEADLINE_S = 120.0
_FAULTS = ("crash", "hang", "traceback", "memory", "message", "wrong", "left", "opened", "slow")
# A process whose memory grows by more, from a quarter of its inputs to their end, leaks.
_MAX_GROWTH = 64e6
_SHOWN = 5


def main() -> int:
    """Run targets; the status is 0 if there was no fault."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m fuzz", description=__doc__, formatter_class=raw)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    inputs_help = "for each target, or one number for all"
    parser.add_argument("--inputs", type=int, nargs="*", default=[10**9], help=inputs_help)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seconds", type=float, help="for all targets together")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, help="file for the counts, JSON")
    parser.add_argument("--faults", type=Path, default=Path("fuzz-faults"))
    args = parser.parse_args()
    names = args.targets or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    inputs = args.inputs * len(names) if len(args.inputs) == 1 else args.inputs
    began = time.monotonic()
    results = {}
    for place, (name, number) in enumerate(zip(names, inputs, strict=True)):
        seconds = None
        if args.seconds is not None:
            left = args.seconds - (time.monotonic() - began)
            seconds = max(left, 1.0) / (len(names) - place)
        numbers = range(args.first, args.first + number)
        results[name] = run_target(name, numbers, seconds, args.workers, args.faults)
        print(f"{name}: {json.dumps(results[name])}", flush=True)
        if args.out is not None:
            write(args.out, name, results[name])
    count = sum(sum(result["faults"].values()) for result in results.values())
    total = sum(result["inputs"] for result in results.values())
    print(f"{total - count} passed, {count} failed")
    return 1 if count else 0


def write(path: Path, name: str, result: dict[str, Any]) -> None:
    """Write the counts of a target, and how they came about, beside those of other targets."""
    found = json.loads(path.read_text()) if path.exists() else {"targets": {}}
    found["limits"] = {"cpu_s": MAX_CPU_S, "mb": MAX_BYTES // 10**6}
    command = f"python -m fuzz {name} --inputs {result['inputs']}"
    about = {"command": command, "python": platform.python_version()}
    about |= {"system": f"{platform.system()} {platform.machine()}", "version": __version__}
    targets = found["targets"] | {name: {**result, **about}}
    found["targets"] = {name: targets[name] for name in TARGETS if name in targets}
    path.write_text(json.dumps(found, indent=1) + "\n")


def run_target(
    name: str, numbers: range, seconds: float | None, workers: int, faults: Path
) -> dict[str, Any]:
    """Counts of one target; inputs at fault are written below ``faults``."""
    began = time.monotonic()
    counts: Counter[str] = Counter()
    longest, slowest, peak, memory = 0.0, None, 0, []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        seeds = Path(scratch, "seeds")
        seeds.mkdir()
        TARGETS[name].seed(seeds)
        worker = Worker(name, TARGETS[name], seeds, Path(scratch))

        def wanted() -> Any:
            for number in numbers:
                if seconds is not None and time.monotonic() - began > seconds:
                    return
                yield number

        pool = run_in_processes(worker, wanted(), num_workers=workers, deadline_s=_DEADLINE_S)
        for place, outcome in pool:
            number = numbers[place]
            if isinstance(outcome, Lost):
                kind = "crash" if "crash" in outcome.reason else "hang"
                detail = outcome.reason
            else:
                kind, detail = outcome.kind, outcome.detail
                peak = max(peak, outcome.peak)
                if outcome.seconds > longest:
                    longest, slowest = outcome.seconds, number
                if outcome.memory:
                    memory.append(outcome.memory)
            counts[kind] += 1
            if kind in _FAULTS:
                keep(worker, name, number, kind, detail, faults, counts[kind] <= _SHOWN)
            elif len(numbers) == 1:
                print(kind, detail)
        left = TARGETS[name].finish(seeds)
        print("".join(f"{name}: left: {fault}\n" for fault in left), end="")
        counts["left"] += len(left)
    growth = max(memory[-5:]) - max(memory[: len(memory) // 4 + 1]) if len(memory) > 8 else 0
    found = {kind: counts[kind] for kind in _FAULTS}
    found["leak"] = int(growth > _MAX_GROWTH)
    return {
        "inputs": counts.total() - len(left),
        "answers": counts["answer"],
        "refusals": counts["refusal"],
        "faults": found,
        "longest_cpu_s": round(longest, 2),
        "slowest": slowest,
        "peak_mb": round(peak / 1e6),
        "growth_mb": round(growth / 1e6),
        "seconds": round(time.monotonic() - began),
    }


def keep(
    worker: Worker, name: str, number: int, kind: str, detail: str, faults: Path, is_shown: bool
) -> None:
    """Write an input at fault, and say what came of it."""
    folder = faults / name / f"{kind}-{number}"
    if is_shown:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        worker.make(number, folder)
        print(f"{name} {number}: {kind}: {detail}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
