"""Which position shows best what a module matched: part of something that moves, found again."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad, unfold

from motionlens.explain.correspondences import Correspondences, Position, Region

# Pixels per cell; half a cell of what lies around it is looked at too.
_CELL_PX = 4
# Cells that a cell is compared with, and the share of them that look like it anyway.
_NUM_COMPARED, _COMMON = 512, 0.25
# Of a position whose matches do not move, against one whose matches move by a cell.
_STILL = 0.2


def clearest_position(
    found: Correspondences, frames: NDArray[np.uint8], region: Region
) -> Position:
    """The position that was matched best, as an eye sees it.

    Its kept proposals look like it, more than a quarter of all cells does, lie in several frames,
    and lie on a straight path through it. What moves counts more than what is still, and what
    changes in the picture more than bare ground. Where no proposal was kept it is the position
    that the module changed most.

    Args:
        found: of a single clip.
        frames: of the clip, uint8 ``(T, H, W, 3)``.
        region: the part of the frames that the grid covers.
    """
    (T, S, K), (_, columns) = found.wins.shape, found.grid
    cells = _cells(frames, region, found.grid)
    places = found.proposals.indices.clamp(min=0)
    is_kept = (found.proposals.indices >= 0) & (found.wins > 0)
    usual = _usual_difference(cells.flatten(0, 1)).view(T, S, 1)
    likeness, activity = torch.zeros(T, S, K), torch.zeros(T, S)
    for t, own in enumerate(cells):
        matched = cells.flatten(0, 1)[places[t]]
        likeness[t] = 1 - (matched - own[:, None]).square().mean(-1) / usual[t]
        activity[t] = (cells - own).square().mean((0, 2))
    weight = found.wins / found.channels * is_kept * likeness.clamp(min=0)
    own_frame, own_cell = torch.arange(T).view(T, 1, 1), torch.arange(S).view(1, S, 1)
    steps = places // S - own_frame
    rows = places % S // columns - own_cell // columns
    shifts = torch.stack([rows, places % columns - own_cell % columns])
    # Cells per frame, by weighted least squares through the position.
    velocity = (weight * shifts * steps).sum(-1) / (weight * steps.square()).sum(-1).clamp(min=1e-9)
    off_path = (shifts - velocity[..., None] * steps).square().sum(0)
    right = weight * torch.exp(-off_path / 2)
    kept = (found.wins * is_kept).sum(-1) / found.channels
    agreement = right.sum(-1) / kept.clamp(min=1e-9)
    by_frame = torch.zeros(T, S, T).scatter_reduce(2, places // S, right, "amax")
    moved = (velocity.norm(dim=0) * steps.abs().amax(-1)).clamp(max=1)
    score = by_frame.sqrt().sum(-1) * agreement.square() * (_STILL + moved) * activity.sqrt()
    if not score.any():
        return found.ranked(1)[0]
    frame, cell = divmod(int(score.argmax()), S)
    change = float(found.change[frame, cell])
    return Position(frame, cell // columns, cell % columns, change)


def _cells(frames: NDArray[np.uint8], region: Region, grid: tuple[int, int]) -> Tensor:
    """What each cell and its surroundings look like: ``(T, S, values)`` in 0..1."""
    top, left, height, width = region
    box = (left, top, left + width, top + height)
    size = (grid[1] * _CELL_PX, grid[0] * _CELL_PX)
    pictures = [
        np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BOX, box=box))
        for frame in frames
    ]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    around = _CELL_PX // 2
    pixels = pad(pixels, (around,) * 4, mode="replicate")
    return unfold(pixels, 2 * _CELL_PX, stride=_CELL_PX).transpose(1, 2)


def _usual_difference(cells: Tensor) -> Tensor:
    """How much each of ``(N, values)`` differs from those that resemble it by chance, ``(N,)``."""
    chosen = torch.linspace(0, len(cells) - 1, min(len(cells), _NUM_COMPARED)).long()
    differences = torch.cdist(cells, cells[chosen]).square() / cells.shape[1]
    return differences.quantile(_COMMON, dim=1).clamp(min=1e-6)
