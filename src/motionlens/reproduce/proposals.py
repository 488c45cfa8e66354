"""The picture of proposals: what a trained network matches in videos, or on the toy's canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from motionlens.datasets.parts import open_parts
from motionlens.explain.correspondences import Correspondences, explain_clips
from motionlens.explain.matches import Match, find_match
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.models.toy_net import ToyNet
from motionlens.reproduce.ablations import ACCURACY
from motionlens.reproduce.budgets import Budget
from motionlens.reproduce.grids import Cell, Grid, Variant
from motionlens.reproduce.landing import Landing, measure_landing
from motionlens.reproduce.outcomes import Measured, Outcome
from motionlens.reproduce.request import Request
from motionlens.reproduce.toy import validation_videos
from motionlens.reproduce.toy_jobs import ToyJob, ToyPlan
from motionlens.reproduce.toy_report import draw_proposals
from motionlens.reproduce.toy_runs import canvases_of, perform_plans
from motionlens.reproduce.trained import OnOutcome, open_data, perform_grid
from motionlens.reproduce.training import run_recipe_of
from motionlens.synthetic.toy import NUM_FRAMES, Canvas
from motionlens.training.recipe import Recipe

# Row of the network whose cells are pixels.
_PIXELS = "cpnet, a cell a pixel"

_MOST_ROWS = 6
# Frames of a strip; of more the arrows can no longer be followed.
_MOST_FRAMES = 8


def perform_visualise(
    request: Request, grid: Grid, packaged: str, on_outcome: OnOutcome
) -> Outcome:
    """Train one network with proposals and draw what it matches.

    Without data these are toy networks, see :func:`toy_plans`; what part of their proposals lies
    on the block is measured too.

    Raises:
        ValueError: If data or folder cannot be used, or the network could not be trained.
    """
    request = replace(request, num_seeds=1)
    if request.source is None:
        return _visualise_toy(request, on_outcome)
    outcome = perform_grid(request, "visualise", grid, packaged, on_outcome)
    if not outcome.failed:
        base, _ = open_data(request, packaged)
        recipe = run_recipe_of(base, grid.variants[0], 0, request.runs)
        draw_network(Path(recipe.out), recipe, request.out / "proposals.png")
    return outcome


def toy_plans(canvases: Sequence[Canvas]) -> list[ToyPlan]:
    """The toy's system on each canvas, and one that finds the block to the pixel.

    Without strides a cell is a pixel and lies in the middle of what its feature sees; and with as
    many proposals as there are other frames each has just one that looks the same.
    """
    plans = [ToyPlan(row="cpnet", system="cpnet", canvas=canvas) for canvas in canvases]
    if "box" in canvases:
        options = {"strides": (1, 1), "k": NUM_FRAMES - 1}
        plans.append(ToyPlan(row=_PIXELS, system="cpnet", canvas="box", options=options))
    return plans


def _visualise_toy(request: Request, on_outcome: OnOutcome) -> Outcome:
    plans = toy_plans(canvases_of(request))
    outcome = perform_plans(request, "visualise", plans, on_outcome)
    cells = list(outcome.cells)
    landings = {}
    for plan in plans:
        job = ToyJob.of(plan, 0, request.runs, request.budget.epochs_factor)
        if not job.is_done:
            continue
        model = load_checkpoint(job.folder)[0]
        landing = measure_landing(cast(ToyNet, model), validation_videos(plan.canvas))
        landings[job.folder.name] = _landing_entry(landing)
        name = f"proposals_{plan.canvas}{'_pixels' if plan.row == _PIXELS else ''}"
        draw_proposals(request.out, model, plan.canvas, name)
        cells += [
            Measured(row=plan.row, column=f"{plan.canvas}, {where}", values=(part.once,))
            for where, part in (("on the block", landing.exact), ("or beside it", landing.beside))
        ]
    return replace(outcome, cells=cells, about={**outcome.about, "landing": landings})


def _landing_entry(landing: Landing) -> dict[str, Any]:
    """As plain values, for JSON."""
    parts = {name: getattr(landing, name)._asdict() for name in ("exact", "beside", "sees")}
    return {**parts, "proposals": landing.proposals}


def visualise_grid(budget: Budget) -> Grid:
    """One network."""
    variant = Variant(name="cpnet", choice="cpnet", model=f"cpnet_{budget.backbone}")
    return Grid((variant,), (Cell("CPNet", ACCURACY, "cpnet"),))


def draw_network(run: Path, recipe: Recipe, path: Path) -> None:
    """Draw proposals in one validation video of each of the first classes.

    The position is the one that the last module changes most in the middle frame.

    Args:
        run: a trained network with CP modules.
        recipe: that it was trained with; its validation part is drawn.
        path: of the picture.

    Raises:
        ValueError: If a video cannot be decoded.
    """
    from motionlens.explain.drawing.strips import Strip, draw_strips
    from motionlens.inference.recognizer import Recognizer

    recognizer = Recognizer.from_pretrained(run, device="cpu")
    _, validation = open_parts(recipe.source)
    chosen: list[int] = []
    for label in range(len(validation.class_names)):
        found = np.flatnonzero(validation.labels == label)
        chosen += found[:1].tolist()
    rows = []
    for number in chosen[:_MOST_ROWS]:
        clip = recognizer.load_clip(str(validation.path(number)))
        *_, matched = explain_clips(recognizer.model, clip[None]).values()
        preprocessing = recognizer.card.preprocessing
        frames = _pictures(clip, preprocessing.mean, preprocessing.std)
        name = validation.class_names[int(validation.labels[number])]
        rows.append(Strip(*_shortened(frames, strongest_match(matched)), name))
    draw_strips(rows, path, "Proposals of the position that the last module changes most")


def strongest_match(found: Correspondences) -> Match:
    """The position of the middle frame that the module changes most, and its proposals."""
    W = found.grid[1]
    frame = found.change.shape[1] // 2
    position = int(found.change[0, frame].argmax())
    return find_match(found.of_clip(0), frame, position // W, position % W)


def _shortened(frames: Any, match: Match) -> tuple[Any, Match]:
    """The frames around the position's own, if there are too many, and what is matched in them."""
    first = max(0, min(match.frame - _MOST_FRAMES // 2, len(frames) - _MOST_FRAMES))
    kept = frames[first : first + _MOST_FRAMES]
    targets = tuple(
        target._replace(frame=target.frame - first)
        for target in match.targets
        if 0 <= target.frame - first < len(kept)
    )
    return kept, match._replace(frame=match.frame - first, targets=targets)


def _pictures(clip: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    """Frames uint8 ``(T, H, W, 3)`` of a clip ``(3, T, H, W)``."""
    shape = (3, 1, 1, 1)
    values = clip.cpu() * torch.tensor(std).view(shape) + torch.tensor(mean).view(shape)
    return (255 * values).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 3, 0).numpy()
