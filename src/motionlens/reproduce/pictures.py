"""From an outcome to its picture: which drawing, and what goes into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from motionlens.reproduce.comparisons import FAMILIES, LONG_SPEEDS, SHORT_SPEEDS, speed_column
from motionlens.reproduce.outcomes import Measured, Outcome
from motionlens.reproduce.poster import KS, PosterTable

if TYPE_CHECKING:
    from motionlens.report.plots.rows import Point

OURS = FAMILIES["cpnet"]


def draw_rows(
    title: str, poster: Sequence[PosterTable] = (), *, percent: bool = True, unit: str = ""
) -> Callable[[Outcome, Path], None]:
    """Rows of the table one below the other, a panel a column.

    Args:
        title: above the picture.
        poster: tables with columns of the same names as ours, or of a single column, whose first
            figures are drawn too.
        percent: whether values are accuracies in 0 to 1.
        unit: of other values.
    """

    def draw(outcome: Outcome, path: Path) -> None:
        from motionlens.report.plots.rows import Panel, draw_panels

        scale = 100.0 if percent else 1.0
        columns = list(dict.fromkeys(cell.column for cell in outcome.cells))
        # Pairs of classes are in the table; the picture has the accuracy alone.
        columns = [column for column in columns if "," not in column or len(columns) < 4]
        panels = []
        for column in columns:
            cells = [cell for cell in outcome.cells if cell.column == column]
            points = {cell.row: _point(cell, scale) for cell in cells}
            panels.append(
                Panel(column, points, poster_values(poster, column, [c.row for c in cells]))
            )
        label = "validation accuracy, %" if percent else unit
        draw_panels(panels, path, title=title, label=label, chance=_chance(outcome, percent))

    return draw


def draw_k(outcome: Outcome, path: Path) -> None:
    """K in training by k in testing."""
    from motionlens.report.plots.matrix import draw_matrix

    found = {(cell.row, cell.column): 100 * cell.mean for cell in outcome.cells}
    rows = [k for k in KS if any(row == f"k = {k} in training" for row, _ in found)]
    values = [
        [found.get((f"k = {row} in training", f"k = {column} in testing")) for column in KS]
        for row in rows
    ]
    draw_matrix(
        values,
        [str(k) for k in rows],
        [str(k) for k in KS],
        path,
        title="Validation accuracy, %",
        row_label="k in training",
        column_label="k in testing",
    )


def draw_speed(outcome: Outcome, path: Path) -> None:
    """Accuracy over the step between frames."""
    from motionlens.report.plots.lines import Line, draw_lines

    steps = {
        speed_column(frames, stride): stride for frames, stride in (*LONG_SPEEDS, *SHORT_SPEEDS)
    }
    pixels = outcome.about.get("pixels_per_frame")
    lines: dict[str, Line] = {}
    # First in the legend, and with the strongest colour.
    for cell in sorted(outcome.cells, key=lambda cell: cell.row != OURS):
        interval = cell.interval or (cell.mean, cell.mean)
        x = steps[cell.column] * (pixels or 1)
        line = lines.setdefault(cell.row, Line([], [], [], []))
        for values, value in zip(line, (x, cell.mean, *interval), strict=True):
            values.append(value * (1 if values is line.x else 100))
    label = "step between frames of a clip" if pixels is None else "motion between frames, pixels"
    draw_lines(
        lines,
        path,
        title="The same part of each video, seen in fewer and fewer frames",
        x_label=label,
        y_label="validation accuracy, %",
        chance=_chance(outcome, percent=True),
    )


def poster_values(
    poster: Sequence[PosterTable], column: str, rows: Sequence[str]
) -> dict[str, float]:
    """The poster's first figures of a column, where they can be read."""
    found = {}
    for table in poster:
        if column not in table.columns and len(table.columns) > 1:
            continue
        place = table.columns.index(column) if column in table.columns else 0
        for row in rows:
            figures = table.rows[row][place] if row in table.rows else ()
            if figures and figures[0] is not None:
                found[row] = figures[0]
    return found


def _point(cell: Measured, scale: float) -> Point:
    from motionlens.report.plots.rows import Point

    interval = cell.interval and (scale * cell.interval.low, scale * cell.interval.high)
    return Point(scale * cell.mean, [scale * value for value in cell.values], interval)


def _chance(outcome: Outcome, percent: bool) -> float | None:
    classes = outcome.about.get("class_names")
    return 100 / len(classes) if percent and classes else None
