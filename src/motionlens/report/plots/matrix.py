"""Numbers by two quantities, as a grid of coloured cells."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

# One hue from light to dark: told apart with any colour vision, and in grey.
_COLOURS = "Blues"


def draw_matrix(
    values: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    path: str | os.PathLike[str],
    *,
    title: str,
    row_label: str,
    column_label: str,
) -> None:
    """Draw cells with their numbers; None stays white.

    Args:
        values: a row of numbers for each of `rows`.
        rows: names.
        columns: names.
        path: of the picture; the ending gives the format.
        title: above it.
        row_label: what the rows are.
        column_label: what the columns are.

    Raises:
        OSError: If the file cannot be written.
    """
    matrix = np.array([[np.nan if v is None else v for v in row] for row in values], dtype=float)
    figure = Figure(
        figsize=(1.6 + 0.75 * len(columns), 1.5 + 0.6 * len(rows)), layout="constrained", dpi=130
    )
    axes = figure.subplots()
    known = matrix[~np.isnan(matrix)]
    low, high = float(known.min()), float(known.max())
    # Dark enough cells everywhere would hide the numbers; a flat matrix is all of one colour.
    span = max(high - low, 1.0)
    axes.imshow(matrix, cmap=_COLOURS, vmin=low - 0.2 * span, vmax=low + 1.05 * span, aspect="auto")
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            colour = "white" if value > low + 0.5 * span else "black"
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel=column_label, ylabel=row_label)
    axes.set_title(title, fontsize=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.savefig(path)
