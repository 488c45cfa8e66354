"""Where the proposals of the toy's block lie: on the block of another frame, or beside it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from motionlens.explain.correspondences import explain_clips
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.models.toy_net import ToyNet
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import Figure
from motionlens.reproduce.toy_training import read, validation_videos
from motionlens.synthetic.toy import BLOCK_PX, ToyVideos

# Clips that are explained together.
_BATCH = 20


def measure_landing(model: ToyNet, videos: ToyVideos) -> dict[str, Any]:
    """Where the surviving proposals of the block's positions lie in other frames.

    Positions of the block are the cells that its pixels touch.

    Args:
        model: with a CP module as its core.
        videos: at least one.

    Returns:
        Shares of these proposals, 0 to 1: ``exact`` on a cell that the block touches, ``beside`` on
        one of those or next to one, ``sees`` on a cell whose feature sees a pixel of the block.
        Each has ``once``, with each proposal counted once, and ``by_channels``, with each counted
        as often as it won a channel. ``proposals`` is how many survived, of all videos.
    """
    side = videos.frames.shape[-1]
    stride = model.strides[0] * model.strides[1]
    # Two 3x3 convolutions around the first pixel of a cell.
    reach = 1 + model.strides[0]
    hits = torch.zeros(3, 2, dtype=torch.float64)
    total = torch.zeros(2, dtype=torch.float64)
    for number in range(0, len(videos.frames), _BATCH):
        corners = videos.corners[number : number + _BATCH]
        (found,) = explain_clips(model, videos.clips()[number : number + _BATCH]).values()
        first = torch.arange(0, side, stride)
        cells = (
            _touched(corners, first, first + stride),
            _touched(corners, first - stride, first + 2 * stride),
            _touched(corners, first - reach, first + reach + 1),
        )
        kept = torch.stack([(found.wins > 0).double(), found.wins.double()])
        of_block = cells[0][..., None]
        indices = found.proposals.indices.clamp(min=0)
        total += (kept * of_block).sum((1, 2, 3, 4))
        for place, there in enumerate(cells):
            hit = torch.gather(there.flatten(1), 1, indices.flatten(1)).view_as(indices)
            hits[place] += (kept * of_block * hit).sum((1, 2, 3, 4))
    shares = [
        {"once": once, "by_channels": by_channels} for once, by_channels in (hits / total).tolist()
    ]
    names = ("exact", "beside", "sees")
    return {**dict(zip(names, shares, strict=True)), "proposals": int(total[0])}


def with_landing(run: Run, runs: Path) -> tuple[dict[str, Any], dict[str, Figure]]:
    """What a toy run found, with where its proposals land in the validation videos."""
    entry, figures = read(run, runs)
    model, _ = load_checkpoint(runs / run.name)
    landing = measure_landing(cast(ToyNet, model), validation_videos(run.canvas))
    for where, share in (("on the block", "exact"), ("or beside it", "beside")):
        figures[f"{run.canvas}, {where}"] = Figure(landing[share]["once"])
    return {**entry, "landing": landing}, figures


def _touched(corners: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Which cells hold a pixel of the block.

    Args:
        corners: of the block, ``(B, T, 2)``.
        low: first pixel of each row of cells; of each column likewise.
        high: the pixel behind its last.

    Returns:
        Bool ``(B, T, S)``.
    """
    corner = corners[..., None]
    inside = (corner < high) & (low < corner + BLOCK_PX)
    return (inside[..., 0, :, None] & inside[..., 1, None, :]).flatten(2)
