"""How much a module changed the feature of each position, as colours over the frames."""

from __future__ import annotations

import matplotlib
import numpy as np
from numpy.typing import NDArray

from motionlens.explain.drawing.sheet import MARGIN, FrameLayout, Sheet
from motionlens.explain.drawing.themes import HEAT_COLOURS

_MAX_OPACITY = 0.9
_BAR_WIDTH, _BAR_HEIGHT = 2.0, 0.13
_LABEL_WIDTH = 3.0
# Grey level under the bar, as of a darkened frame.
_UNDER_BAR = 0.3


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
