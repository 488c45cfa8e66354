"""Videos a second: whole networks on clips of 8 and of 32 frames."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import torch

from motionlens._utils.devices import resolve_device
from motionlens._utils.files import write_atomically
from motionlens._utils.machine import machine
from motionlens.bench.timing import compare
from motionlens.models.optimize import optimize
from motionlens.models.registry import create_model, model_options
from motionlens.reproduce.comparisons import FAMILIES
from motionlens.reproduce.grids import check_choices
from motionlens.reproduce.outcomes import Measured, Outcome
from motionlens.reproduce.poster import RUNTIME_COLUMNS
from motionlens.reproduce.request import Request, keep_plan
from motionlens.reproduce.trained import OnOutcome
from motionlens.reproduce.training import failure

_FRAMES = (8, 32)
# Jester's: classes, and pixels of a clip. The poster names neither network nor clip.
_CLASSES, _SIZE = 27, 112
_BACKBONE = "resnet34"
_SECONDS = {"small": 4.0, "medium": 10.0, "full": 20.0}
NOTE = (
    "One clip a video, one video at a time, decoding not counted; ResNet-34 on {size} pixels with "
    "a stem of stride 1. The poster names neither network nor clip; its GPU is another machine."
)


def perform_runtime(request: Request, on_outcome: OnOutcome) -> Outcome:
    """Measure each model on clips of 8 and 32 frames, all models in turns.

    Raises:
        ValueError: For an unknown model or device, or a folder that cannot be used.
    """
    check_choices(request.models, list(FAMILIES))
    chosen = [family for family in FAMILIES if not request.models or family in request.models]
    device = resolve_device(request.device)
    keep_plan(request, "runtime")
    runs: list[dict[str, Any]] = []
    cells: list[Measured] = []
    parameters: dict[str, int] = {}
    planned = len(chosen) * len(_FRAMES)
    remarks = (NOTE.format(size=_SIZE),)
    outcome = Outcome(runs=runs, planned=planned, cells=cells, remarks=remarks)
    for family in chosen:
        for frames, column in zip(_FRAMES, RUNTIME_COLUMNS, strict=True):
            label = f"runtime {len(runs) + 1}/{planned}: {family}, {column}"
            run = _one_run(request, family, frames, device, label)
            runs.append(run)
            if "error" not in run:
                rate = 1e3 / run["median_ms"]
                cells.append(Measured(row=FAMILIES[family], column=column, values=(rate,)))
                parameters[FAMILIES[family]] = run["parameters"]
            outcome = Outcome(
                runs=runs, planned=planned, cells=cells, parameters=parameters, remarks=remarks
            )
            on_outcome(outcome)
    return outcome


def _one_run(
    request: Request, family: str, frames: int, device: torch.device, label: str
) -> dict[str, Any]:
    """Measure, or read what was measured on this machine; an error becomes a part of the run."""
    model = f"{family}_{_BACKBONE}"
    path = request.runs / f"{model}_{frames}.json"
    here = machine(device)
    run: dict[str, Any] = {"name": path.stem, "model": model, "frames": frames, "size": _SIZE}
    if path.is_file():
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if stored["machine"] == here:
            request.say(f"{label}: {1e3 / stored['median_ms']:.2f} videos/s (was there)")
            return stored
    request.say(label)
    try:
        known = model_options(model)
        options = {"stem_stride": 1} if "stem_stride" in known else {}
        torch.manual_seed(0)
        network = create_model(model, num_classes=_CLASSES, **options)
        parameters = sum(value.numel() for value in network.parameters())
        fast = optimize(network.to(device))
        clip = torch.randn(1, 3, frames, _SIZE, _SIZE, device=device)
        clip = clip.to(memory_format=torch.channels_last_3d)
        with torch.inference_mode():
            found = compare(
                {"": lambda: fast(clip)}, device, seconds=_SECONDS[request.budget.name], least=1
            )[""]
    except Exception as error:
        request.say(f"{label}: failed: {failure(error)}")
        return run | {"error": failure(error)}
    run |= {"parameters": parameters, **asdict(found), "machine": here}
    write_atomically(path, (json.dumps(run, indent=1) + "\n").encode())
    request.say(f"{label}: {1e3 / found.median_ms:.2f} videos/s")
    return run
