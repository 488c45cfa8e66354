"""The poster's toy example: a white block that jumps across a black canvas, four directions.

Drawn in memory, seeded, nothing to download. Poster: "Toy Example: A Failing of several previous
methods".
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motionlens._utils.checks import check_choice

Canvas = Literal["box", "wide"]
CANVASES: tuple[str, ...] = get_args(Canvas)
CLASS_NAMES = ("up", "down", "left", "right")

NUM_FRAMES = 4
BLOCK_PX = 2
STEPS_PX = (7, 9)
# Canvas side and how near to its border the block may come, in pixels.
_GEOMETRY = {"box": (32, 0), "wide": (64, 6)}
# Motion of each class in turn as (axis, sign): axis 0 counts rows, 1 columns.
_MOTIONS = ((0, -1), (0, 1), (1, -1), (1, 1))


class ToyVideos(NamedTuple):
    """Generated videos.

    Attributes:
        frames: uint8 ``(V, 4, side, side)``, 0 or 255.
        labels: int64 ``(V,)``, index into :data:`CLASS_NAMES`.
        corners: int64 ``(V, 4, 2)``, row and column of the block's top left pixel in each frame.
    """

    frames: Tensor
    labels: Tensor
    corners: Tensor

    def clips(self) -> Tensor:
        """As network input: float32 ``(V, 3, 4, side, side)``, 0 or 1."""
        grey = self.frames.to(torch.float32) / 255
        return grey[:, None].expand(-1, 3, -1, -1, -1)


def moving_blocks(num_videos: int, *, canvas: Canvas = "box", seed: int = 0) -> ToyVideos:
    """Draw videos of a moving block, equally many of each direction, in random order.

    On the box canvas (32 x 32) the block moves anywhere inside, as in the poster; which border it
    starts near can tell something. On the wide canvas (64 x 64) it stays 6 pixels from every
    border, and each motion comes with its reverse over the same positions, so that only the order
    of frames tells left from right and up from down.

    Args:
        num_videos: a multiple of 4.
        canvas: ``"box"`` or ``"wide"``.
        seed: of the drawing.

    Raises:
        ValueError: For another number or canvas.
    """
    if num_videos < 4 or num_videos % 4:
        raise ValueError(f"num_videos must be a multiple of 4 and at least 4, got {num_videos}")
    check_choice("canvas", canvas, CANVASES)
    rng = np.random.default_rng(seed)
    side, margin = _GEOMETRY[canvas]
    each = num_videos // 4
    corners: list[npt.NDArray[np.int64]] = []
    for axis, sign in _MOTIONS:
        if canvas == "wide" and sign > 0:
            corners.append(corners[-1][:, ::-1])
            continue
        corners.append(_tracks(rng, each, axis, sign, margin, side - margin - BLOCK_PX))
    order = rng.permutation(num_videos)
    track = torch.from_numpy(np.concatenate(corners)[order].copy())
    labels = torch.arange(4).repeat_interleave(each)[torch.from_numpy(order)]
    return ToyVideos(_draw(track, side), labels, track)


def _tracks(
    rng: np.random.Generator, count: int, axis: int, sign: int, low: int, high: int
) -> npt.NDArray[np.int64]:
    """Corners ``(count, 4, 2)`` of blocks that stay within ``low..high`` on both axes."""
    step = rng.integers(STEPS_PX[0], STEPS_PX[1] + 1, count)
    travel = step * (NUM_FRAMES - 1)
    start = rng.integers(low, high - travel + 1)
    along = start[:, None] + step[:, None] * np.arange(NUM_FRAMES)
    across = np.repeat(rng.integers(low, high + 1, count)[:, None], NUM_FRAMES, axis=1)
    corners = np.empty((count, NUM_FRAMES, 2), np.int64)
    corners[:, :, axis] = along if sign > 0 else along[:, ::-1]
    corners[:, :, 1 - axis] = across
    return corners


def _draw(corners: Tensor, side: int) -> Tensor:
    pixel = torch.arange(side)
    inside = (pixel >= corners[..., None]) & (pixel < corners[..., None] + BLOCK_PX)
    return (inside[..., 0, :, None] & inside[..., 1, None, :]).to(torch.uint8) * 255
