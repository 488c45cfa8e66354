"""Frames of a clip on a sheet: which are shown, and how much a module changed them as colours."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from motionlens.explain.correspondences import Match
from motionlens.explain.drawing.sheet import DPI, LABEL_SIZE, MARGIN, FrameLayout, Sheet
from motionlens.explain.drawing.themes import HEAT_COLOURS

# Shown per clip; more would make a long page on which nothing is found.
MAX_FRAMES = 12
_DIMMED = 0.6
_GREY = 0.6
_MAX_OPACITY = 0.9
_BAR_WIDTH, _BAR_HEIGHT = 2.0, 0.13
_LABEL_WIDTH = 3.0
# Grey level under the bar, as of a darkened frame.
_UNDER_BAR = 0.3


def choose_frames(match: Match, num_frames: int, most: int = MAX_FRAMES) -> list[int]:
    """The frames to show: all if they are few, else the most important ones, in order of time.

    The position's own frame is the most important one. Then come those whose proposals won most
    channels, those with other proposals, and those nearest to the position's own.
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
    grey: bool = False,
) -> None:
    """Show frames with their labels; what lies outside the layout's region is dimmed.

    Args:
        sheet: to draw on.
        layout: which frames are shown, and where.
        frames: uint8 ``(T, H, W, 3)``, all of the clip.
        labels: one per frame.
        grey: whether to remove the colours and darken, for what is drawn above.
    """
    for t in layout.shown:
        picture = _shrunk(frames[t], layout.frame_size)
        if grey:
            plain = np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))
            # Dark, since colours above would look paler where the frame is bright.
            picture = (plain * _GREY).astype(np.uint8)
        sheet.ax.imshow(picture, extent=layout.extent(t), aspect="auto", zorder=1)
        x, y = layout.corner(t)
        width = layout.frame_size[1]
        sheet.label(x, y - 0.17, labels[t], size=LABEL_SIZE, muted=True, width=width)
        _dim_outside_region(sheet, layout, t)


def _shrunk(picture: NDArray[np.uint8], size: tuple[float, float]) -> NDArray[np.uint8]:
    """A picture with no more pixels than are drawn at this size in inches."""
    height, width = (max(round(DPI * side), 1) for side in size)
    if picture.shape[0] <= height or picture.shape[1] <= width:
        return picture
    small = Image.fromarray(picture).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small)


def _dim_outside_region(sheet: Sheet, layout: FrameLayout, frame: int) -> None:
    H, W = layout.size
    top, left, height, width = layout.region
    outside = [
        (0, 0, top, W),
        (top + height, 0, H - top - height, W),
        (top, 0, height, left),
        (top, left + width, height, W - left - width),
    ]
    for part in outside:
        if min(part[2:]) > 0:
            shade = Rectangle(*layout.box(frame, part), alpha=_DIMMED, linewidth=0, zorder=2)
            shade.set_facecolor(sheet.theme.background)
            sheet.ax.add_patch(shade)


def heat_colours(values: NDArray[np.floating], peak: float) -> NDArray[np.float64]:
    """RGBA colours ``(..., 4)`` in 0..1 of values from 0, which is transparent, to the peak."""
    level = np.clip(np.asarray(values, np.float64) / (peak or 1.0), 0, 1)
    colours = np.array(matplotlib.colormaps[HEAT_COLOURS](level))
    colours[..., 3] = _MAX_OPACITY * level
    return colours


def draw_heat(sheet: Sheet, layout: FrameLayout, change: NDArray[np.floating], peak: float) -> None:
    """Lay the change of each cell over the frames.

    Args:
        sheet: to draw on.
        layout: places of the frames; the grid covers its region.
        change: ``(T, H, W)`` on the module's grid.
        peak: value of the strongest colour.
    """
    for t in layout.shown:
        extent = layout.extent(t, layout.region)
        colours = heat_colours(change[t], peak)
        sheet.ax.imshow(colours, extent=extent, aspect="auto", interpolation="nearest", zorder=2)


def draw_heat_bar(sheet: Sheet) -> None:
    """The legend of the colours."""
    x, y = MARGIN, sheet.y + 0.06
    sheet.label(x, y - 0.02, "not changed", width=_LABEL_WIDTH)
    x += 0.95
    extent = (x, x + _BAR_WIDTH, y + _BAR_HEIGHT, y)
    ramp = np.linspace(0, 1, 128)[None]
    sheet.ax.imshow(np.full((1, 1, 3), _UNDER_BAR), extent=extent, aspect="auto", zorder=1)
    sheet.ax.imshow(heat_colours(ramp, 1.0), extent=extent, aspect="auto", zorder=2)
    sheet.label(x + _BAR_WIDTH + 0.1, y - 0.02, "changed most by the module", width=_LABEL_WIDTH)
    sheet.y += 0.3
