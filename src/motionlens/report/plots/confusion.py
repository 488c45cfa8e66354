"""The confusion matrix as a picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionlens._utils.numbers import counted, percent
from motionlens.report.plots.style import SHADES, Style, Target, save
from motionlens.report.plots.text import readable, shortened

# Beyond these numbers of classes, counts do not fit into cells, nor names beside rows.
MAX_COUNTED_CLASSES = 30
MAX_NAMED_CLASSES = 80


def draw_confusion(matrix: NDArray[np.int64], class_names: Sequence[str], path: Target) -> None:
    """Draw which classes were taken for which.

    A cell's colour is its share of the row, so that rare classes show as clearly as frequent ones;
    the number in it is a count.

    Args:
        matrix: videos ``(K, K)`` by true class (row) and predicted class (column).
        class_names: K label names.
        path: of the picture; the suffix names the format. Into an open file goes a PNG.

    Raises:
        ValueError: If the matrix is not ``(K, K)``.
        OSError: If the file cannot be written.
    """
    classes = len(class_names)
    if matrix.shape != (classes, classes):
        raise ValueError(f"matrix must be ({classes}, {classes}), got {matrix.shape}")
    has_counts, has_names = classes <= MAX_COUNTED_CLASSES, classes <= MAX_NAMED_CLASSES
    totals = matrix.sum(axis=1)
    shares = matrix / np.maximum(totals[:, None], 1)
    side = max(classes * (0.55 if has_counts else 9 / classes), 2.2)
    names = [shortened(readable(name)) for name in class_names]
    margin = max(map(len, names)) * 0.09 if has_names else 0.3
    figure = Figure(figsize=(side + margin + 1.6, side + margin + 1.2), dpi=150)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03, label="share of the true class")
    bar.outline.set_visible(False)
    if has_names:
        size = 9 if has_counts else 5
        rows = [f"{name} ({total})" for name, total in zip(names, totals, strict=True)]
        turned: Style = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(classes), names, fontsize=size, **turned)
        axes.set_yticks(range(classes), rows, fontsize=size)
    if has_counts:
        for (row, column), number in np.ndenumerate(matrix):
            if number:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column, row, str(number), ha="center", va="center", color=colour, fontsize=9
                )
    right, total = int(np.trace(matrix)), int(matrix.sum())
    accuracy = f", top-1 {percent(right / total)}" if total else ""
    axes.set_title(f"{counted(total, 'video')}{accuracy}", fontsize=10)
    axes.set(xlabel="predicted", ylabel="true (videos)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    save(figure, path, bbox_inches="tight")
