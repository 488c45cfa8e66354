"""The confusion matrix as a picture."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import IO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

# Beyond that many classes counts no longer fit into cells, nor names beside rows.
MAX_COUNTED_CLASSES = 30
MAX_NAMED_CLASSES = 80
# One hue from light to dark: told apart with any colour vision, and in grey.
COLOURS = "Blues"


def draw_confusion(
    matrix: NDArray[np.int64],
    class_names: Sequence[str],
    path: str | os.PathLike[str] | IO[bytes],
) -> None:
    """Draw which classes were taken for which.

    A cell's colour is its part of the row, so that rare classes show as clearly as frequent ones;
    the number in it is a count.

    Args:
        matrix: videos ``(K, K)`` with true class = row and predicted class = column.
        class_names: K label names.
        path: of the picture; its suffix names the format. Into an open file goes a PNG.

    Raises:
        ValueError: If the matrix is not ``(K, K)``.
        OSError: If the file cannot be written.
    """
    classes = len(class_names)
    if matrix.shape != (classes, classes):
        raise ValueError(f"matrix must be ({classes}, {classes}), got {matrix.shape}")
    counts = matrix.sum(axis=1, keepdims=True)
    parts = matrix / np.maximum(counts, 1)
    cell = 0.55 if classes <= MAX_COUNTED_CLASSES else 9 / classes
    names = max(map(len, class_names)) * 0.09 if classes <= MAX_NAMED_CLASSES else 0.3
    side = cell * classes
    figure = Figure(figsize=(max(side, 2.2) + names + 1.6, max(side, 2.2) + names + 1.2))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(parts, cmap=COLOURS, vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03, label="part of the true class")
    bar.outline.set_visible(False)
    _name_classes(axes, class_names, counts[:, 0])
    if classes <= MAX_COUNTED_CLASSES:
        _write_counts(axes, matrix, parts)
    right = int(np.trace(matrix))
    total = int(matrix.sum())
    accuracy = f", top-1 {100 * right / total:.1f} %" if total else ""
    axes.set_title(f"{total} videos{accuracy}", fontsize=10)
    with warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes; the tables have it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path, dpi=150, bbox_inches="tight")


def _name_classes(axes: Axes, class_names: Sequence[str], counts: NDArray[np.int64]) -> None:
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (videos)")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if len(class_names) > MAX_NAMED_CLASSES:
        return
    positions = range(len(class_names))
    size = 9 if len(class_names) <= MAX_COUNTED_CLASSES else 5
    rows = [f"{name} ({count})" for name, count in zip(class_names, counts, strict=True)]
    axes.set_xticks(
        positions, class_names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size
    )
    axes.set_yticks(positions, rows, fontsize=size)


def _write_counts(axes: Axes, matrix: NDArray[np.int64], parts: NDArray[np.float64]) -> None:
    for row, column in np.argwhere(matrix > 0):
        # White where the blue is too dark for black.
        colour = "white" if parts[row, column] > 0.5 else "black"
        text = str(matrix[row, column])
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
