"""Frames on a sheet, and which of a clip's frames are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from motionlens.explain.drawing.sheet import DPI, LABEL_SIZE, FrameLayout, Region, Sheet
from motionlens.explain.matches import Match

# Of a clip; more would be a long page on which nothing is found.
MOST_FRAMES = 12
_DIMMED = 0.6
_GREY = 0.6


def choose_frames(match: Match, num_frames: int, most: int = MOST_FRAMES) -> list[int]:
    """The frames to show: all if they are few, else those with most to see, in order.

    The position's own comes first, then those in which proposals won in most channels, then
    those with other proposals, then the position's neighbours.
    """
    wins = [0.0] * num_frames
    for target in match.targets:
        wins[target.frame] += target.wins + 0.5
    wins[match.frame] = float("inf")
    order = sorted(range(num_frames), key=lambda t: (-wins[t], abs(t - match.frame), t))
    return sorted(order[:most])


def draw_frames(
    sheet: Sheet,
    layout: FrameLayout,
    frames: NDArray[np.uint8],
    labels: Sequence[str],
    *,
    region: Region | None = None,
    grey: bool = False,
) -> None:
    """Show frames with their labels; what lies outside of a region is dimmed.

    Args:
        sheet: to draw on.
        layout: places, which also says which frames are shown.
        frames: uint8 ``(T, H, W, 3)``, all of the clip.
        labels: one for each of them.
        region: top, left, height and width of what the network saw, pixels; None for all.
        grey: whether to take the colours and some light away, for what is drawn above.
    """
    for t in layout.shown:
        picture = _shrunk(frames[t], layout.frame_size)
        if grey:
            plain = np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))
            # Dark, for colours above it should not look paler where the frame is bright.
            picture = (plain * _GREY).astype(np.uint8)
        sheet.ax.imshow(picture, extent=layout.extent(t), aspect="auto", zorder=1)
        x, y = layout.corner(t)
        width = layout.frame_size[1]
        sheet.label(x, y - 0.17, labels[t], size=LABEL_SIZE, muted=True, width=width)
        if region is not None:
            _dim_outside(sheet, layout, t, region)


def _shrunk(picture: NDArray[np.uint8], size: tuple[float, float]) -> NDArray[np.uint8]:
    """A picture with no more pixels than are drawn; a small one is left as it is."""
    height, width = (max(round(DPI * side), 1) for side in size)
    if picture.shape[0] <= height or picture.shape[1] <= width:
        return picture
    small = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small)


def _dim_outside(sheet: Sheet, layout: FrameLayout, frame: int, region: Region) -> None:
    H, W = layout.size
    top, left, height, width = region
    outside = [
        (0, 0, top, W),
        (top + height, 0, H - top - height, W),
        (top, 0, height, left),
        (top, left + width, height, W - left - width),
    ]
    colour = sheet.theme.background
    for part in outside:
        if min(part[2:]) > 0:
            sheet.ax.add_patch(
                rectangle(layout, frame, part, facecolor=colour, alpha=_DIMMED, linewidth=0)
            )


def rectangle(layout: FrameLayout, frame: int, box: Region, **style: object) -> Rectangle:
    """A box of a frame, given in its pixels, as something to draw."""
    y, x, height, width = box
    corner = layout.point(frame, y, x)
    return Rectangle(corner, width * layout.scale, height * layout.scale, zorder=2, **style)  # type: ignore[arg-type]
