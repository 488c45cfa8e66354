"""The picture of results: rows one below the other, a matrix, or lines over the speed of motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motionlens.report.plots.lines import draw_lines
from motionlens.report.plots.matrix import draw_matrix
from motionlens.report.plots.rows import Point, draw_panels

_ACCURACY = "validation accuracy, %"


def draw_results(results: Mapping[str, Any], path: Path) -> None:
    """Draw the cells of results in the way that their ``picture`` says.

    Args:
        results: as in ``results.json``, with at least one cell.
        path: of the picture; the ending gives the format.

    Raises:
        OSError: If the file cannot be written.
    """
    draw = {"rows": _draw_rows, "matrix": _draw_matrix, "lines": _draw_lines}
    draw[results["picture"].get("kind", "rows")](results, path)


def _draw_rows(results: Mapping[str, Any], path: Path) -> None:
    """A panel for each column, with the poster's first numbers."""
    percent = results["unit"] == "%"
    scale = 100.0 if percent else 1.0
    columns = list(dict.fromkeys(cell["column"] for cell in results["cells"]))
    # Parts of an accuracy are in the table; the picture has the accuracy alone.
    columns = [column for column in columns if "," not in column or len(columns) < 4]
    panels = {}
    for column in columns:
        cells = [cell for cell in results["cells"] if cell["column"] == column]
        poster = published(results["poster"], column, [cell["row"] for cell in cells])
        panels[column] = {
            cell["row"]: Point(
                scale * cell["mean"],
                [scale * value for value in cell["values"]],
                cell["interval"] and (scale * cell["interval"][0], scale * cell["interval"][1]),
                poster.get(cell["row"]),
            )
            for cell in cells
        }
    draw_panels(
        panels,
        path,
        title=results["picture"]["title"],
        label=_ACCURACY if percent else results["unit"],
        chance=_chance(results),
    )


def _draw_matrix(results: Mapping[str, Any], path: Path) -> None:
    """A coloured field for each cell; rows and columns are named as in the table."""
    found = {(cell["row"], cell["column"]): 100 * cell["mean"] for cell in results["cells"]}
    rows = list(dict.fromkeys(row for row, _ in found))
    columns = list(dict.fromkeys(column for _, column in found))
    draw_matrix(
        [[found.get((row, column)) for column in columns] for row in rows],
        rows,
        columns,
        path,
        title=results["picture"]["title"],
    )


def _draw_lines(results: Mapping[str, Any], path: Path) -> None:
    """A line for each row, over the motion between the frames of a column's clips."""
    steps, pixels = results["picture"]["steps"], results.get("pixels_per_frame")
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    # The last row comes first: it is ours, and gets the strongest colour.
    for cell in reversed(results["cells"]):
        low, high = cell["interval"] or (cell["mean"], cell["mean"])
        point = (steps[cell["column"]] * (pixels or 1), 100 * cell["mean"], 100 * low, 100 * high)
        lines.setdefault(cell["row"], []).append(point)
    draw_lines(
        lines,
        path,
        title=results["picture"]["title"],
        x_label="motion between frames, pixels" if pixels else "step between frames of a clip",
        y_label=_ACCURACY,
        chance=_chance(results),
    )


def published(
    poster: Sequence[Mapping[str, Any]], column: str, rows: Sequence[str]
) -> dict[str, float]:
    """The poster's first numbers of a column, where they can be read.

    A table with a single column has what is drawn in any.
    """
    found = {}
    for table in poster:
        columns = list(table["columns"])
        if column not in columns and len(columns) > 1:
            continue
        place = columns.index(column) if column in columns else 0
        for row in rows:
            numbers = table["rows"][row][place] if row in table["rows"] else ()
            if numbers and numbers[0] is not None:
                found[row] = numbers[0]
    return found


def _chance(results: Mapping[str, Any]) -> float | None:
    classes = results.get("class_names")
    return 100 / len(classes) if classes and results["unit"] == "%" else None
