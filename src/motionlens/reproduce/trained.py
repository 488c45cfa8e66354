"""Experiments that train networks on videos: run after run, each in a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from motionlens.datasets.parts import open_parts
from motionlens.inference.checkpoint import load_card
from motionlens.reproduce.budgets import Source, base_recipe
from motionlens.reproduce.fitting import fitted, usual_length
from motionlens.reproduce.grids import Cell, Grid, Variant
from motionlens.reproduce.outcomes import Judged, Measured, Outcome, measured, read_judged
from motionlens.reproduce.request import Request, keep_plan
from motionlens.reproduce.training import (
    failure,
    is_trained,
    look_at,
    note_of,
    run_recipe_of,
    train,
)
from motionlens.training.recipe import Recipe
from motionlens.training.run_folder import VERSIONS_FILE, read_metrics

# Frames of so few videos fit into any memory.
_MOST_CACHED = 1000

OnOutcome = Callable[[Outcome], None]


def perform_grid(
    request: Request, name: str, grid: Grid, packaged: str, on_outcome: OnOutcome
) -> Outcome:
    """Train what is not trained yet, and look at it.

    Args:
        request: what is asked for.
        name: of the experiment.
        grid: the part of its grid that is asked for.
        packaged: the recipe file of the full budget.
        on_outcome: told what there is after every run.

    Raises:
        ValueError: If the data or the folder cannot be used.
        KeyboardInterrupt: If it is interrupted; what is finished is kept.
    """
    assert request.source is not None
    base, about = open_data(request, packaged)
    keep_plan(request, name, base)
    runs: list[dict[str, Any]] = []
    judged: dict[tuple[str, str], list[Judged]] = {}
    planned = [(v, seed) for seed in range(request.num_seeds) for v in grid.variants]
    outcome = Outcome(runs=runs, planned=len(planned), cells=(), about=about)
    for number, (variant, seed) in enumerate(planned, start=1):
        label = f"{name} {number}/{len(planned)}: {variant.name}, seed {seed}"
        runs.append(_one_run(request, base, variant, seed, judged, label))
        outcome = Outcome(
            runs=runs,
            planned=len(planned),
            cells=_filled(grid.cells, judged),
            parameters=_parameters(grid, runs),
            about=about,
        )
        on_outcome(outcome)
    return outcome


def open_data(request: Request, packaged: str) -> tuple[Recipe, dict[str, Any]]:
    """The recipe that runs share, and facts about its data; the data is opened once, to be sure.

    Raises:
        ValueError: If the data or a recipe file cannot be used.
    """
    source: Source | None = request.source
    assert source is not None
    recipe = base_recipe(request.budget, source, packaged)
    train_part, validation = open_parts(recipe.source)
    videos = len(train_part) + len(validation)
    if request.budget.name == "small" and videos <= _MOST_CACHED:
        recipe = replace(recipe, loader=replace(recipe.loader, cache=True))
    # Where nobody has told which classes swap, no clip may be mirrored.
    if recipe.augment.horizontal_flip == "catalog" and train_part.flip_pairs is None:
        recipe = replace(recipe, augment=replace(recipe.augment, horizontal_flip=None))
    about = {
        "data": _name(source.data),
        "num_train": len(train_part),
        "num_validation": len(validation),
        "class_names": list(train_part.class_names),
    }
    return recipe, about


def with_fitting_clips(request: Request, packaged: str) -> Request:
    """The request with clips that are no longer than the usual video.

    Raises:
        ValueError: If the data or a recipe file cannot be used.
    """
    assert request.source is not None
    train_part, _ = open_parts(base_recipe(request.budget, request.source, packaged).source)
    return replace(request, budget=fitted(request.budget, usual_length(train_part)))


def _name(data: str) -> str:
    """What a page calls the data: the folder, and of a list its name too."""
    path = Path(data).absolute()
    return f"{path.parent.name}/{path.name}" if path.is_file() else path.name


def _one_run(
    request: Request,
    base: Recipe,
    variant: Variant,
    seed: int,
    judged: dict[tuple[str, str], list[Judged]],
    label: str,
) -> dict[str, Any]:
    """Train and look at one run; an error becomes a part of what is returned."""
    run: dict[str, Any] = {
        "name": f"{variant.name}_s{seed}",
        "variant": variant.name,
        "model": variant.model,
        "seed": seed,
    }
    try:
        recipe = run_recipe_of(base, variant, seed, request.runs)
        known = is_trained(recipe)
        if not known:
            request.say(label)
            train(recipe)
        run |= _facts(recipe)
    except Exception as error:
        request.say(f"{label}: failed: {failure(error)}")
        return run | {"error": failure(error)}
    looks: dict[str, Any] = {}
    for look in variant.looks:
        try:
            folder = look_at(recipe, look, request.device)
            found = read_judged(folder)
        except Exception as error:
            request.say(f"{label}, {look.name or 'evaluation'}: failed: {failure(error)}")
            looks[look.name or "evaluation"] = {"error": failure(error)}
            continue
        judged.setdefault((variant.name, look.name), []).append(found)
        looks[look.name or "evaluation"] = {
            **dict(look.options),
            "figure": found.figure,
            "value": found.value,
            "interval": list(found.interval),
            "top5": found.top5,
            "num_videos": len(found.videos),
        }
    values = [f"{100 * entry['value']:.1f} %" for entry in looks.values() if "value" in entry]
    request.say(f"{label}: {', '.join(values)}{' (was there)' if known else ''}")
    return run | {"looks": looks}


def _facts(recipe: Recipe) -> dict[str, Any]:
    """What a finished run says of itself."""
    run = Path(recipe.out)
    card = load_card(run)
    with torch.device("meta"):
        parameters = sum(value.numel() for value in card.build().parameters())
    note = note_of(run)
    history = read_metrics(run)
    values = {n: v for n, v in asdict(recipe).items() if n not in ("data", "validation", "out")}
    return {
        "command": f"motionlens train --config {run.parent.name}/{run.name}/recipe.yaml --out NEW",
        "recipe": values,
        "options": dict(card.options),
        "clip": {n: getattr(card, n) for n in ("num_frames", "frame_stride", "size", "short_side")},
        "parameters": parameters,
        "epochs": int(history[-1]["epoch"]),
        "train_accuracy": history[-1].get("train_accuracy"),
        "seconds": note["seconds"],
        # Then the seconds are those after the interruption.
        "resumed": note["resumed"],
        "machine": note["machine"],
        "versions": json.loads((run / VERSIONS_FILE).read_text(encoding="utf-8")),
    }


def _filled(
    cells: tuple[Cell, ...], judged: Mapping[tuple[str, str], list[Judged]]
) -> list[Measured]:
    found = [(cell, judged.get((cell.variant, cell.look))) for cell in cells]
    return [measured(cell.row, cell.column, values) for cell, values in found if values]


def _parameters(grid: Grid, runs: list[dict[str, Any]]) -> dict[str, int]:
    by_variant = {run["variant"]: run["parameters"] for run in runs if "parameters" in run}
    return {c.row: by_variant[c.variant] for c in grid.cells if c.variant in by_variant}
