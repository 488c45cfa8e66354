"""A picture that grows downwards, and frames laid out on it in rows.

One unit is one inch, x to the right and y down, so that text and pictures never overlap.
"""

import math
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from numpy.typing import NDArray

from motionlens.explain.correspondences import Region
from motionlens.explain.drawing.themes import LIGHT, Theme
from motionlens.report.plots.style import save, without_glyph_warnings
from motionlens.report.plots.text import FONT, families, readable, use_readable_text

DPI = 120
WIDTH = 8.0
MARGIN = 0.15
TITLE_SIZE, LABEL_SIZE = 11, 9
_GAP = 0.08
_LABEL_HEIGHT = 0.2
# More columns of wide or of narrow frames would be too small within a column of text.
_MAX_COLUMNS, _MAX_NARROW_COLUMNS = 4, 5
# Of a frame.
_MAX_HEIGHT, _MAX_WIDTH = 2.6, 3.2
_METRICS = TextToPath()


class FrameLayout(NamedTuple):
    """Where the frames of a strip lie on a sheet.

    Attributes:
        shown: numbers of the frames that are shown, in order.
        size: height and width of a frame, pixels.
        region: part of each frame that the network saw, pixels.
        columns: frames side by side before the next row starts.
        scale: inches per pixel.
        left: of the first frame.
        top: of its label, which lies above it.
    """

    shown: tuple[int, ...]
    size: tuple[int, int]
    region: Region
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

    def box(self, frame: int, region: Region) -> tuple[tuple[float, float], float, float]:
        """Top left corner, width and height of a part of a frame, as a Rectangle takes them."""
        y, x, height, width = region
        return self.point(frame, y, x), width * self.scale, height * self.scale

    def extent(self, frame: int, region: Region | None = None) -> tuple[float, float, float, float]:
        """Left, right, bottom, top of a part of a frame, the whole if None; as imshow takes it."""
        (left, top), width, height = self.box(frame, region or (0.0, 0.0, *self.size))
        return left, left + width, top + height, top


class Sheet:
    """A picture in the making.

    Args:
        theme: its colours.
        width: inches.

    Attributes:
        ax: to draw on, in inches from the top left.
        y: where the next thing starts.
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
        """Add a line of text; what does not fit is cut off.

        Args:
            text: the line.
            size: of the font, points.
            muted: whether it is less important.
            space: below it, inches.
        """
        self.label(MARGIN, self.y, text, size=size, muted=muted, width=self.width - 2 * MARGIN)
        self.y += size * 1.35 / 72 + space

    def label(
        self,
        x: float,
        y: float,
        text: str,
        *,
        width: float,
        size: float = LABEL_SIZE,
        muted: bool = False,
    ) -> None:
        """Put one line of text with its top left corner at a point, no wider than ``width``."""
        colour = self.theme.muted if muted else self.theme.text
        text = fitted(text, width, size)
        self.ax.text(x, y, text, size=size, color=colour, va="top", zorder=9)

    def lay_out(
        self,
        shown: Sequence[int],
        size: tuple[int, int],
        *,
        region: Region | None = None,
        columns: int | None = None,
    ) -> FrameLayout:
        """Make room for frames, in as many rows as keep them large.

        Args:
            shown: numbers of the frames.
            size: their height and width, pixels.
            region: part of each frame that the network saw, pixels; None for all.
            columns: frames side by side; None to choose by their number and size.
        """
        columns = columns or num_columns(len(shown), size)
        room = self.width - 2 * MARGIN - (columns - 1) * _GAP
        width = min(room / columns, _MAX_WIDTH, _MAX_HEIGHT * size[1] / size[0])
        region = region or (0.0, 0.0, *size)
        layout = FrameLayout(tuple(shown), size, region, columns, width / size[1], MARGIN, self.y)
        self.y = layout.bottom + _GAP
        return layout

    def legend(self, handles: Sequence[Artist], *, columns: int = 2) -> None:
        """Add a legend across the sheet."""
        legend = self.ax.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(MARGIN, self.y),
            bbox_transform=self.ax.transData,
            ncols=columns,
            frameon=False,
            labelcolor=self.theme.text,
            prop={"size": LABEL_SIZE, "family": FONT},
            borderaxespad=0,
            borderpad=0,
            handlelength=2.2,
        )
        legend.set_zorder(9)
        self.y += math.ceil(len(handles) / columns) * 0.2 + 0.05

    def finish(self) -> Figure:
        """The figure, as high as its content."""
        height = self.y + MARGIN
        self.figure.set_size_inches(self.width, height)
        self.ax.set_xlim(0, self.width)
        self.ax.set_ylim(height, 0)
        return self.figure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture in one step; the suffix names the format.

        Raises:
            OSError: If it cannot be written.
        """
        save(self.finish(), path)

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, uint8 ``(H, W, 3)``, with H and W even, as videos need."""
        canvas = self.finish().canvas
        assert isinstance(canvas, FigureCanvasAgg)
        use_readable_text(self.figure)
        with without_glyph_warnings():
            canvas.draw()  # type: ignore[no-untyped-call]
        drawn = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
        height, width = (side - side % 2 for side in drawn.shape[:2])
        return drawn[:height, :width].copy()


def num_columns(count: int, size: tuple[int, int]) -> int:
    """Frames side by side, so that rows are equally long and frames stay large."""
    most = _MAX_NARROW_COLUMNS if size[1] < 0.8 * size[0] else _MAX_COLUMNS
    return math.ceil(count / math.ceil(count / most))


def fitted(text: str, width: float, size: float) -> str:
    """Readable text, cut to a width in inches at a font's size in points.

    Example:
        >>> fitted("left and right and left", 1.0, 10)
        'left and rig…'
    """
    text = readable(text)
    properties = FontProperties(family=families(text), size=size)

    def width_of(line: str) -> float:
        found = _METRICS.get_text_width_height_descent(line, properties, ismath=False)
        return found[0] / 72 / 0.98

    with without_glyph_warnings():
        if width_of(text) <= width:
            return text
        while text and width_of(text + "…") > width:
            text = text[:-1]
    return text.rstrip() + "…"
