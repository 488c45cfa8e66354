"""Videos per second through whole networks."""

import json
from pathlib import Path
from typing import Any

import torch

from motionlens._utils.machine import machine
from motionlens.bench.timing import compare
from motionlens.models.optimize import optimize
from motionlens.models.registry import create_model, model_options
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import Figure
from motionlens.reproduce.runner import Found, Note
from motionlens.training.run_folder import REPRODUCED_FILE

# As in Jester; the poster does not say which network it timed.
_CLASSES = 27


def measure(run: Run, device: torch.device, seconds: float) -> dict[str, Any]:
    """Time a network on single clips of its run.

    Args:
        run: its clip has ``num_frames`` and ``size``.
        device: where to run.
        seconds: how long to measure.

    Raises:
        ValueError: If the network cannot be built.
    """
    options = {"stem_stride": 1} if "stem_stride" in model_options(run.model) else {}
    torch.manual_seed(0)
    network = create_model(run.model, num_classes=_CLASSES, **options)
    parameters = sum(value.numel() for value in network.parameters())
    fast = optimize(network.to(device))
    frames, size = run.clip["num_frames"], run.clip["size"]
    clip = torch.randn(1, 3, frames, size, size, device=device)
    clip = clip.to(memory_format=torch.channels_last_3d)
    with torch.inference_mode():
        found = compare({"": lambda: fast(clip)}, device, seconds=seconds, least=1)[""]
    note = {"frames": frames, "size": size, "parameters": parameters, **found}
    return {**note, "machine": machine(device)}


def read(run: Run, note: Note) -> Found:
    """The results of a run."""
    return dict(note), {column: Figure(1e3 / note["median_ms"]) for column in run.looks}


def forget_other_machines(runs: Path, device: torch.device) -> None:
    """Delete measurements of another machine, so that they are repeated."""
    here = machine(device)
    for path in runs.glob(f"*/{REPRODUCED_FILE}"):
        if json.loads(path.read_text(encoding="utf-8"))["machine"] != here:
            path.unlink()
