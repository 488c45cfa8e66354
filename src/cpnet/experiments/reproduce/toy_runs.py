"""The toy example and the scale of offsets on it: each run is stored, and not made again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from cpnet._files import write_atomically
from cpnet.benchmarks.report import machine
from cpnet.data.toy import CANVASES, CLASS_NAMES, NUM_FRAMES, Canvas
from cpnet.experiments.reproduce.comparisons import OFFSET_SCALES
from cpnet.experiments.reproduce.grids import check_choices
from cpnet.experiments.reproduce.outcomes import Measured, Outcome
from cpnet.experiments.reproduce.request import Request, keep_plan
from cpnet.experiments.reproduce.trained import OnOutcome
from cpnet.experiments.reproduce.training import failure
from cpnet.experiments.toy import (
    NUM_VALIDATION,
    SYSTEMS,
    ToyRun,
    find_systems,
    num_epochs,
    train_system,
)
from cpnet.experiments.toy_report import draw_proposals, notes
from cpnet.models.card import ModelCard
from cpnet.models.registry import model_options
from cpnet.models.weights import load_checkpoint, save_checkpoint
from cpnet.report.figures import bootstrap_mean
from cpnet.runs import REPRODUCED_FILE, versions

# Of the system with proposals; the picture is drawn from it.
_SHOWN = ("cpnet", 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyPlan:
    """One system on one canvas, to be trained with each seed.

    Attributes:
        row: of the table.
        system: key of :data:`cpnet.experiments.toy.SYSTEMS`.
        canvas: on which it is trained.
        options: of its CP module.
    """

    row: str
    system: str
    canvas: Canvas
    options: Mapping[str, Any] = field(default_factory=dict)


def perform_toy(request: Request, on_outcome: OnOutcome, name: str = "toy") -> Outcome:
    """Train every system, one canvas after the other.

    Args:
        request: what is asked for.
        on_outcome: told what there is after every run.
        name: of the experiment.

    Raises:
        ValueError: For an unknown system, or a folder that cannot be used.
        KeyboardInterrupt: If it is interrupted; finished runs are kept.
    """
    plans = [
        ToyPlan(row=system, system=system, canvas=canvas)
        for canvas in _canvases(request)
        for system in find_systems(request.models, canvas)
    ]
    outcome = _perform(request, name, plans, on_outcome)
    for canvas in _canvases(request):
        folder = request.runs / f"{canvas}_{_SHOWN[0]}_s{_SHOWN[1]}"
        if (folder / REPRODUCED_FILE).is_file():
            draw_proposals(request.out, load_checkpoint(folder)[0], canvas, f"proposals_{canvas}")
    return outcome


def perform_toy_scales(request: Request, on_outcome: OnOutcome) -> Outcome:
    """Train the system with proposals with its offsets multiplied by more or less."""
    choices = {f"scale{scale}": scale for scale in OFFSET_SCALES}
    check_choices(request.models, list(choices))
    plans = [
        ToyPlan(
            row=f"scale {scale}",
            system="cpnet",
            canvas=canvas,
            options={"offset_scale": float(scale)},
        )
        for canvas in _canvases(request)
        for choice, scale in choices.items()
        if not request.models or choice in request.models
    ]
    return _perform(request, "offset-scale", plans, on_outcome)


def _canvases(request: Request) -> list[Canvas]:
    return [cast(Canvas, name) for name in CANVASES if request.canvas in (None, name)]


def _perform(
    request: Request, name: str, plans: Sequence[ToyPlan], on_outcome: OnOutcome
) -> Outcome:
    keep_plan(request, name)
    runs: list[dict[str, Any]] = []
    done: dict[tuple[str, Canvas], list[ToyRun]] = {}
    total = len(plans) * request.num_seeds
    outcome = Outcome(runs=runs, planned=total, cells=())
    for plan in plans:
        for seed in range(request.num_seeds):
            label = f"{name} {len(runs) + 1}/{total}: {plan.row}, {plan.canvas} canvas, seed {seed}"
            runs.append(_one_run(request, plan, seed, done, label))
            outcome = Outcome(
                runs=runs,
                planned=total,
                cells=[cell for (row, canvas), group in done.items()
                       for cell in _cells(row, canvas, group)],
                parameters={row: group[0].parameters for (row, _), group in done.items()},
                about={"class_names": list(CLASS_NAMES)},
                remarks=notes([run for group in done.values() for run in group]) if done else (),
            )  # fmt: skip
            on_outcome(outcome)
    return outcome


def _one_run(
    request: Request,
    plan: ToyPlan,
    seed: int,
    done: dict[tuple[str, Canvas], list[ToyRun]],
    label: str,
) -> dict[str, Any]:
    """Train or read one run; an error becomes a part of what is returned."""
    row = plan.row.replace(" ", "")
    folder = request.runs / f"{plan.canvas}_{row}_s{seed}"
    epochs = num_epochs(plan.system, plan.canvas, None) * request.budget.epochs_factor
    entry = {"name": folder.name, "model": SYSTEMS[plan.system].model, "canvas": plan.canvas}
    path = folder / REPRODUCED_FILE
    try:
        known = path.is_file()
        if not known:
            request.say(label)
            run, model = train_system(
                plan.system, canvas=plan.canvas, seed=seed, epochs=epochs, cp_options=plan.options
            )
            _store(folder, plan, run, model)
        note = json.loads(path.read_text(encoding="utf-8"))
        run = ToyRun.from_dict(note.pop("run"))
    except Exception as error:
        request.say(f"{label}: failed: {failure(error)}")
        return {**entry, "seed": seed, "error": failure(error)}
    done.setdefault((plan.row, plan.canvas), []).append(run)
    request.say(f"{label}: {run.validation[-1]:.1%}{' (was there)' if known else ''}")
    return {**entry, "epochs": epochs, **run.to_dict(), **note}


def _store(folder: Path, plan: ToyPlan, run: ToyRun, model: nn.Module) -> None:
    """Write the run and its network."""
    system = SYSTEMS[plan.system]
    options = {**system.options, **(system.wide if plan.canvas == "wide" else {}), **plan.options}
    size = 64 if plan.canvas == "wide" else 32
    card = ModelCard(
        model=system.model,
        options=model_options(system.model, **options),
        class_names=CLASS_NAMES,
        num_frames=NUM_FRAMES,
        frame_stride=1,
        size=size,
        short_side=size,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    save_checkpoint(folder, model, card)
    about = {"versions": versions(), "machine": machine(torch.device("cpu"))}
    # Written last: its presence says that the run is whole.
    content = json.dumps({"run": run.to_dict(), **about}, indent=1) + "\n"
    write_atomically(folder / REPRODUCED_FILE, content.encode())


def _cells(row: str, canvas: Canvas, group: Sequence[ToyRun]) -> list[Measured]:
    right = np.ones((len(group), NUM_VALIDATION))
    for number, run in enumerate(group):
        right[number, run.wrong] = 0
    pairs = {"left/right": [r.left_right for r in group], "up/down": [r.up_down for r in group]}
    return [
        Measured(
            row=row,
            column=canvas,
            values=tuple(run.validation[-1] for run in group),
            interval=bootstrap_mean(right.mean(axis=0)),
        ),
        *(
            Measured(row=row, column=f"{canvas}, {pair}", values=tuple(values))
            for pair, values in pairs.items()
        ),
    ]
