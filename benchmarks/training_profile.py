"""Where does a training step go? Processor time of one process, by what it was spent on.

    python benchmarks/training_profile.py OUT.json --data DATA [--validation DATA]

Trains as ``motionlens train`` does without options, but with one thread, no loader processes and
few steps; one validation, at the end, counts too. Times are of the processor, so other work on the
machine disturbs them little.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import tempfile
import time
from pathlib import Path

import torch

from motionlens._utils.machine import machine, versions
from motionlens.cli.main import main as motionlens

# What a part of a step is called, and the function in whose calls it happens: file and name.
PARTS = {
    "decoding and the cache of frames": ("clips/training_loader.py", "_frames"),
    "augmentation": ("clips/augmentation.py", "__call__"),
    "forward pass": ("training/module.py", "training_step"),
    "forward pass: CP modules": ("models/correspondence.py", "branch"),
    "forward pass: their search": ("ops/proposals.py", "knn_proposals"),
    "backward pass": ("plugins/precision/precision.py", "backward"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--validation")
    parser.add_argument("--steps", type=int, default=56)
    options = parser.parse_args()
    torch.set_num_threads(1)
    profile = cProfile.Profile(time.process_time)
    with tempfile.TemporaryDirectory() as folder:
        command = ["train", "--data", options.data, "--out", f"{folder}/run"]
        command += ["--validation", options.validation] if options.validation else []
        command += ["--optim.steps", str(options.steps), "--optim.fit_head", "false"]
        command += ["--validate_every", "1000", "--loader.num_workers", "0"]
        status = profile.runcall(motionlens, command)
    if status:
        raise SystemExit(status)
    seconds = {part: 0.0 for part in PARTS}
    steps = 0
    for (file, _, name), (calls, _, _, cumulative, _) in pstats.Stats(profile).stats.items():
        for part, (end, wanted) in PARTS.items():
            if file.endswith(end) and name == wanted:
                seconds[part] += cumulative
        if file.endswith("training/module.py") and name == "training_step":
            steps = calls
    content = {
        "steps": steps,
        "milliseconds_per_step": {k: round(1e3 * v / steps, 1) for k, v in seconds.items()},
        "versions": versions(),
        "machine": machine(torch.device("cpu")),
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(content["milliseconds_per_step"], indent=1))


if __name__ == "__main__":
    main()
