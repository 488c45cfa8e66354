"""Names beside the rows of a picture, as pixels."""

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlens.report.plots.style import without_glyph_warnings
from motionlens.report.plots.text import readable, shortened, use_readable_text

_DPI, _MARGIN_PX = 100, 6


def names_strip(names: tuple[str, ...], row_px: int) -> NDArray[np.uint8]:
    """Names below each other, aligned to the right: uint8 ``(len(names) * row_px, width, 3)``.

    Args:
        names: of the rows.
        row_px: height of a row, pixels.
    """
    height = len(names) * row_px
    figure = Figure(figsize=(1, height / _DPI), dpi=_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    size = 0.55 * row_px * 72 / _DPI  # points
    texts = [
        figure.text(1, 1 - (row + 0.5) / len(names), name, fontsize=size, ha="right", va="center")
        for row, name in enumerate(map(shortened, map(readable, names)))
    ]
    use_readable_text(figure)
    with without_glyph_warnings():
        renderer = canvas.get_renderer()
        width = max(text.get_window_extent(renderer).width for text in texts)
        pixels = int(np.ceil(width)) + 2 * _MARGIN_PX
        figure.set_size_inches(pixels / _DPI, height / _DPI)
        for text in texts:
            text.set_x(1 - _MARGIN_PX / pixels)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
