"""A picture that grows downwards, and frames laid out on it in rows.

One unit is one inch, x to the right and y down, so that text and pictures never share a place.
"""

from __future__ import annotations

import io
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from numpy.typing import NDArray

from motionlens._utils.files import write_atomically
from motionlens.explain.drawing.themes import LIGHT, Theme

DPI = 120
WIDTH = 8.0
MARGIN = 0.15
TITLE_SIZE, LABEL_SIZE = 11, 9
_FONT = "DejaVu Sans"  # comes with matplotlib: text is the same everywhere
_GAP = 0.08
_LABEL_HEIGHT = 0.2
# Of a frame; narrower ones could not be seen where the picture is shown in a column of text.
_MOST_COLUMNS = 4
_MOST_NARROW_COLUMNS = 5
_MOST_HEIGHT = 2.6
_MOST_WIDTH = 3.2
_METRICS = TextToPath()

# top, left, height, width of a part of a frame, pixels
Region = tuple[float, float, float, float]


class FrameLayout(NamedTuple):
    """Where the frames of a strip lie on a sheet.

    Attributes:
        shown: numbers of the frames that are shown, in order.
        size: height and width of a frame, pixels.
        columns: frames side by side before the next row starts.
        scale: inches of a pixel.
        left: of the first frame.
        top: of its label, which lies above it.
    """

    shown: tuple[int, ...]
    size: tuple[int, int]
    columns: int
    scale: float
    left: float
    top: float

    @property
    def bottom(self) -> float:
        """Where the last row ends."""
        return self.top + math.ceil(len(self.shown) / self.columns) * self._row_height

    @property
    def frame_size(self) -> tuple[float, float]:
        """Height and width of a frame, inches."""
        return self.size[0] * self.scale, self.size[1] * self.scale

    @property
    def _row_height(self) -> float:
        return _LABEL_HEIGHT + self.frame_size[0] + _GAP

    def corner(self, frame: int) -> tuple[float, float]:
        """X and y of a frame's top left corner.

        Raises:
            ValueError: If the frame is not shown.
        """
        row, column = divmod(self.shown.index(frame), self.columns)
        x = self.left + column * (self.frame_size[1] + _GAP)
        return x, self.top + row * self._row_height + _LABEL_HEIGHT

    def point(self, frame: int, y: float, x: float) -> tuple[float, float]:
        """X and y on the sheet of a point of a frame, given in its pixels."""
        left, top = self.corner(frame)
        return left + x * self.scale, top + y * self.scale

    def extent(self, frame: int, region: Region | None = None) -> tuple[float, float, float, float]:
        """left, right, bottom, top of a part of a frame, the whole if None; as imshow takes it."""
        y, x, height, width = region or (0.0, 0.0, *self.size)
        left, top = self.point(frame, y, x)
        return left, left + width * self.scale, top + height * self.scale, top


class Sheet:
    """A picture in the making.

    Args:
        theme: its colours.
        width: inches.

    Attributes:
        ax: to draw on, in inches from the top left.
        y: where what comes next starts.
    """

    def __init__(self, theme: Theme = LIGHT, *, width: float = WIDTH) -> None:
        self.theme, self.width, self.y = theme, width, MARGIN
        self.figure = Figure(figsize=(width, 1), dpi=DPI, facecolor=theme.background)
        FigureCanvasAgg(self.figure)
        self.ax = self.figure.add_axes((0, 0, 1, 1))
        self.ax.axis("off")

    def write(
        self, text: str, *, size: float = TITLE_SIZE, muted: bool = False, space: float = 0.06
    ) -> None:
        """A line of text; what does not fit is cut off.

        Args:
            text: the line.
            size: of the font, points.
            muted: whether it is less important.
            space: below it, inches.
        """
        self.label(MARGIN, self.y, text, size=size, muted=muted, width=self.width - 2 * MARGIN)
        self.y += size * 1.35 / 72 + space

    def label(
        self, x: float, y: float, text: str, *, size: float, muted: bool, width: float
    ) -> None:
        """Text of one line with its top left corner there, no wider than ``width``."""
        colour = self.theme.muted if muted else self.theme.text
        text = fitted(text, width, size)
        self.ax.text(x, y, text, size=size, color=colour, va="top", family=_FONT, zorder=9)

    def lay_out(
        self, shown: Sequence[int], size: tuple[int, int], *, columns: int | None = None
    ) -> FrameLayout:
        """Make room for frames, in as many rows as keep them large.

        Args:
            shown: numbers of the frames.
            size: their height and width, pixels.
            columns: frames side by side; None for what suits.
        """
        columns = columns or num_columns(len(shown), size)
        room = self.width - 2 * MARGIN - (columns - 1) * _GAP
        width = min(room / columns, _MOST_WIDTH, _MOST_HEIGHT * size[1] / size[0])
        layout = FrameLayout(tuple(shown), size, columns, width / size[1], MARGIN, self.y)
        self.y = layout.bottom + _GAP
        return layout

    def legend(self, handles: Sequence[Artist], *, columns: int = 2) -> None:
        """A legend across the sheet."""
        legend = self.ax.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(MARGIN, self.y),
            bbox_transform=self.ax.transData,
            ncols=columns,
            frameon=False,
            labelcolor=self.theme.text,
            prop={"size": LABEL_SIZE, "family": _FONT},
            borderaxespad=0,
            borderpad=0,
            handlelength=2.2,
        )
        legend.set_zorder(9)
        self.y += math.ceil(len(handles) / columns) * 0.2 + 0.05

    def finish(self) -> Figure:
        """The figure, as high as what is on it."""
        height = self.y + MARGIN
        self.figure.set_size_inches(self.width, height)
        self.ax.set_xlim(0, self.width)
        self.ax.set_ylim(height, 0)
        return self.figure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture in one step; the path's ending gives the format.

        Raises:
            OSError: If it cannot be written.
        """
        figure, path = self.finish(), Path(path)
        file = io.BytesIO()
        with _without_glyph_warnings():
            figure.savefig(file, format=path.suffix[1:] or "png")
        write_atomically(path, file.getvalue())

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, uint8 ``(H, W, 3)``, H and W even as videos want it."""
        canvas = self.finish().canvas
        assert isinstance(canvas, FigureCanvasAgg)
        with _without_glyph_warnings():
            canvas.draw()  # type: ignore[no-untyped-call]
        drawn = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
        height, width = (side - side % 2 for side in drawn.shape[:2])
        return drawn[:height, :width].copy()


def num_columns(count: int, size: tuple[int, int]) -> int:
    """Frames side by side, so that rows are equally long and frames stay large."""
    most = _MOST_NARROW_COLUMNS if size[1] < 0.8 * size[0] else _MOST_COLUMNS
    return math.ceil(count / math.ceil(count / most))


def fitted(text: str, width: float, size: float) -> str:
    """Text cut to a width in inches, at a font's size in points.

    Example:
        >>> fitted("left and right and left", 1.0, 10)
        'left and rig…'
    """
    room, properties = 0.98 * 72 * width, FontProperties(family=_FONT, size=size)

    def is_too_wide(line: str) -> bool:
        return _METRICS.get_text_width_height_descent(line, properties, ismath=False)[0] > room

    with _without_glyph_warnings():
        cut = len(text)
        while cut and is_too_wide(text if cut == len(text) else text[:cut] + "…"):
            cut -= 1
    return text if cut == len(text) else text[:cut].rstrip() + "…"


def _without_glyph_warnings() -> warnings.catch_warnings[None]:
    context: warnings.catch_warnings[None] = warnings.catch_warnings(
        action="ignore", category=UserWarning
    )
    # A name in a script that the font lacks is drawn as boxes.
    return context
