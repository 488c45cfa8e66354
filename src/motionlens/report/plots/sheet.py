"""Many videos and what they were recognized as, on one picture."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlens._utils.numbers import percent
from motionlens.report.plots.style import COLOURS, Target, save
from motionlens.report.plots.text import readable, shortened
from motionlens.report.prediction import Prediction

# Videos on a sheet, and beside each other.
MOST_VIDEOS, _COLUMNS = 48, 6
_CELL_INCHES, _CAPTION_INCHES = 1.7, 0.5


class SheetEntry(NamedTuple):
    """A video on a sheet.

    Attributes:
        frames: uint8 ``(n, h, w, 3)``, in temporal order.
        prediction: what it was recognized as.
    """

    frames: NDArray[np.uint8]
    prediction: Prediction


def draw_sheet(entries: Sequence[SheetEntry], path: Target) -> None:
    """Draw one picture per video: its frames over one another, its label below.

    Args:
        entries: at most 48 videos; further ones are left out.
        path: of the picture; the suffix names the format. Into an open file goes a PNG.

    Raises:
        OSError: If the file cannot be written.
    """
    entries = entries[:MOST_VIDEOS]
    columns = min(_COLUMNS, len(entries))
    rows = math.ceil(len(entries) / columns)
    height = _CELL_INCHES + _CAPTION_INCHES
    figure = Figure((columns * _CELL_INCHES, rows * height), dpi=150)
    share, gap = _CELL_INCHES / height, 0.06
    for number, (frames, prediction) in enumerate(entries):
        row, column = divmod(number, columns)
        bottom = (rows - 1 - row + 1 - share) / rows
        left, width = (column + gap / 2) / columns, (1 - gap) / columns
        axes = figure.add_axes((left, bottom, width, (share - gap / 2) / rows))
        axes.imshow(trail(frames))
        axes.set_axis_off()
        if prediction.is_unknown:
            label, colour = "none of its labels", "#666666"
        else:
            label, colour = readable(shortened(prediction.label.replace("_", " "), 24)), COLOURS[0]
        caption = f"{label}\n{percent(prediction.probabilities[0])}"
        x = (column + 0.5) / columns
        figure.text(x, bottom - 0.02 / rows, caption, ha="center", va="top", color=colour, size=8)
    save(figure, path)


def trail(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All frames in one, uint8 ``(h, w, 3)``: where something moved, what differs most is seen.

    Each pixel is that of the frame in which it is farthest from its median over all frames.

    Args:
        frames: uint8 ``(n, h, w, 3)``.
    """
    usual = np.median(frames, axis=0).astype(np.int16)
    distance = np.abs(frames.astype(np.int16) - usual).sum(axis=-1)
    chosen = distance.argmax(axis=0)
    rows, columns = np.indices(chosen.shape)
    return np.asarray(frames[chosen, rows, columns])
