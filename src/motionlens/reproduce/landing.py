"""Share of the toy block's proposals that lie on the block in other frames, or next to it."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from motionlens.explain.correspondences import explain_clips
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.models.toy_net import ToyNet
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import Figure
from motionlens.reproduce.runner import Found, Note
from motionlens.reproduce.toy_training import read, validation_videos
from motionlens.synthetic.toy import BLOCK_PX, ToyVideos

# Clips per batch.
_BATCH = 20


def measure_landing(model: ToyNet, videos: ToyVideos) -> dict[str, float]:
    """Where the surviving proposals of the block's positions lie in other frames.

    Positions of the block are the cells that its pixels touch.

    Args:
        model: with a CP module as its core.
        videos: at least one.

    Returns:
        ``exact``: share of these proposals, 0 to 1, on a cell that the block touches; ``beside``:
        share on such a cell or next to one; ``proposals``: how many survived in all videos.
    """
    side = videos.frames.shape[-1]
    stride = model.strides[0] * model.strides[1]
    total, hits = 0, [0, 0]
    for number in range(0, len(videos.frames), _BATCH):
        corners = videos.corners[number : number + _BATCH]
        (found,) = explain_clips(model, videos.clips()[number : number + _BATCH]).values()
        first = torch.arange(0, side, stride)
        exact = touched_cells(corners, first, first + stride)
        kept = (found.wins > 0) & exact[..., None]
        total += int(kept.sum())
        indices = found.proposals.indices.clamp(min=0)
        for place, cells in enumerate(
            (exact, touched_cells(corners, first - stride, first + 2 * stride))
        ):
            hit = torch.gather(cells.flatten(1), 1, indices.flatten(1)).view_as(indices)
            hits[place] += int((kept & hit).sum())
    return {"exact": hits[0] / total, "beside": hits[1] / total, "proposals": total}


def with_landing(run: Run, note: Note, runs: Path) -> Found:
    """The results of a toy run, with where its proposals land in the validation videos."""
    entry, figures = read(run, note)
    model, _ = load_checkpoint(runs / run.name)
    landing = measure_landing(cast(ToyNet, model), validation_videos(run.canvas))
    figures[f"{run.canvas}, on the block"] = Figure(landing["exact"])
    figures[f"{run.canvas}, or beside it"] = Figure(landing["beside"])
    return {**entry, "landing": landing}, figures


def touched_cells(corners: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Which cells hold a pixel of the block.

    Args:
        corners: of the block, ``(..., 2)``.
        low: first pixel of each row of cells, and of each column.
        high: the pixel after its last.

    Returns:
        Bool ``(..., S)``.
    """
    corner = corners[..., None]
    inside = (corner < high) & (low < corner + BLOCK_PX)
    return (inside[..., 0, :, None] & inside[..., 1, None, :]).flatten(-2)
