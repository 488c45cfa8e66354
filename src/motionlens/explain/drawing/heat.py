"""How much a module changed the feature of each position, as colours over the frames."""

from __future__ import annotations

import matplotlib
import numpy as np
from numpy.typing import NDArray

from motionlens.explain.drawing.sheet import LABEL_SIZE, MARGIN, FrameLayout, Region, Sheet
from motionlens.explain.drawing.themes import HEAT_COLOURS

_MOST_OPAQUE = 0.9
_BAR_WIDTH, _BAR_HEIGHT = 2.0, 0.13
_UNDER_BAR = 0.3


def heat_colours(values: NDArray[np.floating], peak: float) -> NDArray[np.float64]:
    """Colours with opacity, ``(..., 4)`` in 0..1, of values from 0 (see-through) to the peak."""
    part = np.clip(np.asarray(values, np.float64) / (peak or 1.0), 0, 1)
    colours = np.array(matplotlib.colormaps[HEAT_COLOURS](part))
    colours[..., 3] = _MOST_OPAQUE * part
    return colours


def draw_heat(
    sheet: Sheet,
    layout: FrameLayout,
    change: NDArray[np.floating],
    region: Region,
    peak: float,
) -> None:
    """Lay the change of every cell over the frames.

    Args:
        sheet: to draw on.
        layout: places of the frames.
        change: ``(T, H, W)`` on the module's grid.
        region: part of the frames that the grid covers, pixels.
        peak: value of the strongest colour.
    """
    for t in layout.shown:
        sheet.ax.imshow(
            heat_colours(change[t], peak),
            extent=layout.extent(t, region),
            aspect="auto",
            interpolation="nearest",
            zorder=2,
        )


def draw_heat_bar(sheet: Sheet) -> None:
    """The legend of the colours."""
    x, y = MARGIN, sheet.y + 0.06
    size = {"size": LABEL_SIZE, "muted": False, "width": 3.0}
    sheet.label(x, y - 0.02, "not changed", **size)  # type: ignore[arg-type]
    x += 0.95
    extent = (x, x + _BAR_WIDTH, y + _BAR_HEIGHT, y)
    ramp = np.linspace(0, 1, 128)[None]
    # As over a grey frame.
    sheet.ax.imshow(np.full((1, 1, 3), _UNDER_BAR), extent=extent, aspect="auto", zorder=1)
    sheet.ax.imshow(heat_colours(ramp, 1.0), extent=extent, aspect="auto", zorder=2)
    sheet.label(x + _BAR_WIDTH + 0.1, y - 0.02, "changed most by the module", **size)  # type: ignore[arg-type]
    sheet.y += 0.3
