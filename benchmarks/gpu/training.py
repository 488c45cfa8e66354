"""Train on a GPU from start to end: the command ``train`` on generated data, as a user runs it."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Write = Callable[[dict[str, Any]], None]
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "motion_suite_nano.yaml"
# Model, rows and columns of its clips, and further options.
RUNS: list[tuple[str, int, list[str]]] = [
    ("cpnet_nano", 64, ["--optim.epochs", "20"]),
    ("cpnet_resnet18", 112, ["--optim.precision", "bf16-mixed", "--optim.epochs", "10"]),
]
DRY_RUNS: list[tuple[str, int, list[str]]] = [("cpnet_nano", 32, ["--optim.epochs", "1"])]


def train_all(write: Write, *, dry: bool) -> None:
    """Make clips, train on them, and keep how long that took and every epoch's accuracy."""
    runs: list[dict[str, Any]] = []
    for model, size, options in DRY_RUNS if dry else RUNS:
        with tempfile.TemporaryDirectory() as folder:
            data, out = f"{folder}/data", f"{folder}/run"
            few = ["--num_train", "16", "--num_validation", "8"] if dry else []
            command("motion", "direction", data, "--size", str(size), *few)
            how = ["--model", model, "--clip.size", str(size), "--validate_every", "1", *options]
            how += ["--device", "cpu" if dry else "cuda"]
            took = command("train", "--config", str(RECIPE), "--data", data, "--out", out, *how)
            with open(f"{out}/metrics.csv") as log:
                epochs = list(csv.DictReader(log))
        runs.append({"options": how, "seconds": took, "epochs": epochs})
        write({"training": runs})


def command(*arguments: str) -> float:
    """Run a command, print its lines with the time at which they came; the seconds it took."""
    print("motionlens", *arguments, flush=True)
    begun = time.monotonic()
    whole = [sys.executable, "-u", "-m", "motionlens", *arguments]
    with subprocess.Popen(whole, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{time.monotonic() - begun:6.1f} s  {line}", end="", flush=True)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, whole)
    return time.monotonic() - begun
