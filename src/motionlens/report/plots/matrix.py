"""Numbers by two quantities, as a grid of coloured cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionlens.report.plots.style import SHADES, Target, new_figure, number_cells, save


def draw_matrix(
    values: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    path: Target,
    *,
    title: str,
) -> None:
    """Draw cells with their numbers; None stays white.

    Args:
        values: one row of numbers per name in ``rows``.
        rows: names.
        columns: names.
        path: of the picture; the suffix names the format.
        title: above it.

    Raises:
        OSError: If the file cannot be written.
    """
    matrix = np.array(values, dtype=float)  # None becomes nan
    low, high = float(np.nanmin(matrix)), float(np.nanmax(matrix))
    # A range of at least one point: a matrix of nearly equal numbers has one colour.
    level = (matrix - low) / max(high - low, 1.0)
    figure, (axes,) = new_figure(1.6 + 0.75 * len(columns), 1.5 + 0.6 * len(rows))
    # The lowest cell has a colour, unlike an empty one.
    axes.imshow(level, cmap=SHADES, vmin=-0.2, vmax=1.05, aspect="auto")
    texts = [["" if np.isnan(value) else f"{value:.1f}" for value in row] for row in matrix]
    number_cells(axes, level, texts)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_title(title, fontsize=11)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    save(figure, path)
