"""Check and time everything that runs on a GPU, the most important first.

Usage, in the root of the repository: ``python benchmarks/bench_gpu.py OUT``. Every step is a
process of its own with a limit, so that one that fails or hangs spoils no other, and writes
``OUT/STEP.json`` as it goes; what all of them print is in ``OUT/log.txt``. Steps:

- ``checks``: the search's kernel agrees with the reference, for every dtype, metric and mask;
- ``search``: its time beside alternatives, and beside the least that the machine could take;
- ``embedding``: a fused embedding, a candidate for the package, beside the plain one;
- ``networks``: clips per second of whole networks, in inference and in training;
- ``tests``: the tests marked ``cuda``;
- ``profile``: where a network's time goes, kernel by kernel;
- ``train``: the command ``train`` on generated data, and how accurate the network is by then.

The first four and ``profile`` need torch, Triton and numpy alone, ``tests`` pytest, ``train`` what
the package needs. ``--dry`` runs everything once at tiny sizes on the CPU instead, the kernel in
Triton's interpreter, to test this file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
# In the order in which they run, with the seconds that each may take: 8 minutes in all.
LIMITS = {
    "checks": 60,
    "search": 90,
    "embedding": 30,
    "networks": 100,
    "tests": 50,
    "profile": 30,
    "train": 120,
}


def run_step(step: str, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run one step as a process of its own; what became of it."""
    command = [sys.executable, __file__, str(out), "--steps", step, "--here"]
    command += ["--precision", *options.precision, *(["--dry"] if options.dry else [])]
    begun = time.monotonic()
    with (out / "log.txt").open("a") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        ended: int | None = None
        try:
            # On a CPU that is shared with others even tiny shapes may take their time.
            ended = process.wait(LIMITS[step] * (10 if options.dry else 1))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # whatever it has started, too
            process.wait()
    took = round(time.monotonic() - begun, 1)
    outcome = {0: "done", None: f"stopped at {LIMITS[step]} s"}.get(ended, f"failed ({ended})")
    print(f"{step}: {outcome} after {took} s", flush=True)
    return {"outcome": outcome, "seconds": took}


def do_step(step: str, out: Path, options: argparse.Namespace) -> None:
    """Do one step in this process."""

    def write(result: dict[str, Any]) -> None:
        (out / f"{step}.json").write_text(json.dumps(about(options.dry) | result, indent=1) + "\n")

    if step in ("checks", "search"):
        from gpu import search

        work = search.check_all if step == "checks" else search.time_all
        work(options.precision, write, dry=options.dry)
    elif step == "embedding":
        from gpu import fused_embedding

        fused_embedding.time_all(write, dry=options.dry)
    elif step in ("networks", "profile"):
        from gpu import networks

        work = networks.time_all if step == "networks" else networks.profile_all
        work(write, dry=options.dry)
    elif step == "train":
        from gpu import training

        training.train_all(write, dry=options.dry)
    else:
        mark = "cuda and not slow"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", mark]
        if options.dry:
            command.append("--collect-only")
        elif importlib.util.find_spec("xdist"):
            command += ["-n", "8"]  # building kernels takes most of the time
        done = subprocess.run([*command, "tests/ops"], cwd=ROOT, capture_output=True, text=True)
        print(done.stdout, done.stderr, flush=True)
        write({"passed": done.returncode == 0, "output": done.stdout.splitlines()[-30:]})


def about(dry: bool) -> dict[str, Any]:
    """What results depend on."""
    found: dict[str, Any] = {"command": "python benchmarks/bench_gpu.py OUT", "dry": dry}
    found |= {"python": sys.version.split()[0], "torch": torch.__version__}
    found["triton"] = getattr(sys.modules.get("triton"), "__version__", None)
    found["device"] = "CPU" if dry else torch.cuda.get_device_name()
    return found | {"cuda": torch.version.cuda, "cores": os.cpu_count()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder for the results")
    parser.add_argument("--steps", nargs="+", choices=LIMITS, default=list(LIMITS))
    precisions = ["fp32", "tf32", "bf16", "fp16"]
    parser.add_argument("--precision", nargs="+", choices=precisions, default=precisions)
    parser.add_argument("--dry", action="store_true", help="tiny sizes on the CPU")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.dry and not torch.cuda.is_available():
        parser.error("needs a CUDA device; --dry does without")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.here:
        do_step(*options.steps, options.out, options)
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    if options.dry:
        os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported
    outcomes = {step: run_step(step, options.out, options) for step in options.steps}
    (options.out / "steps.json").write_text(json.dumps(outcomes, indent=1) + "\n")
    if any(outcome["outcome"] != "done" for outcome in outcomes.values()):
        raise SystemExit(f"not all steps were done; see {options.out / 'log.txt'}")


if __name__ == "__main__":
    main()
