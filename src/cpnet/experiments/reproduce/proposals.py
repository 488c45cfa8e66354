"""The picture of proposals: what a trained network matches in videos, or on the toy's canvas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cpnet.config import Recipe
from cpnet.experiments.reproduce.ablations import ACCURACY
from cpnet.experiments.reproduce.budgets import Budget
from cpnet.experiments.reproduce.grids import Cell, Grid, Variant
from cpnet.experiments.reproduce.outcomes import Outcome
from cpnet.experiments.reproduce.request import Request
from cpnet.experiments.reproduce.toy_runs import perform_toy
from cpnet.experiments.reproduce.trained import OnOutcome, open_data, perform_grid
from cpnet.experiments.reproduce.training import run_recipe_of
from cpnet.explanation import Correspondences, Match, explain_clips, find_match
from cpnet.sources import open_parts

_MOST_ROWS = 6
# Frames of a strip; of more the arrows can no longer be followed.
_MOST_FRAMES = 8


def perform_visualise(
    request: Request, grid: Grid, packaged: str, on_outcome: OnOutcome
) -> Outcome:
    """Train one network with proposals and draw what it matches.

    Without data that is the toy's system, with seed 0.

    Raises:
        ValueError: If data or folder cannot be used, or the network could not be trained.
    """
    if request.source is None:
        return perform_toy(replace(request, models=["cpnet"], num_seeds=1), on_outcome, "visualise")
    request = replace(request, num_seeds=1)
    outcome = perform_grid(request, "visualise", grid, packaged, on_outcome)
    if not outcome.failed:
        base, _ = open_data(request, packaged)
        recipe = run_recipe_of(base, grid.variants[0], 0, request.runs)
        draw_network(Path(recipe.out), recipe, request.out / "proposals.png")
    return outcome


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
    from cpnet.drawing.correspondences import Row, draw_correspondences
    from cpnet.prediction import Recognizer

    recognizer = Recognizer.from_pretrained(run, device="cpu")
    _, validation = open_parts(recipe)
    chosen: list[int] = []
    for label in range(len(validation.class_names)):
        found = np.flatnonzero(validation.labels == label)
        chosen += found[:1].tolist()
    rows = []
    for number in chosen[:_MOST_ROWS]:
        clip = recognizer.load_clip(str(validation.path(number)))
        *_, matched = explain_clips(recognizer.model, clip[None]).values()
        frames = _pictures(clip, recognizer.card.mean, recognizer.card.std)
        name = validation.class_names[int(validation.labels[number])]
        rows.append(Row(*_shortened(frames, strongest_match(matched)), name))
    draw_correspondences(rows, path, "Proposals of the position that the last module changes most")


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
