"""The results of an experiment: cells, ``results.json``, and the page and picture made from it."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.errors import one_line
from motionlens._utils.files import write_atomically
from motionlens._utils.tables import markdown_table
from motionlens.report.plots.rows import draw_rows
from motionlens.report.statistics import Interval, bootstrap_mean

RESULTS_FILE, PAGE_FILE, PICTURE_FILE = "results.json", "results.md", "results.png"

_HOW_TO_READ = (
    "Accuracy in %: mean ± standard deviation over seeds; in brackets the 95 % confidence interval "
    "over videos; after the slash top-5 accuracy, where there are more than 5 classes. Other seeds "
    "may vary more than the interval says."
)
Results = dict[str, Any]


class Figure(NamedTuple):
    """What one run contributes to a cell.

    Attributes:
        value: accuracy or mean average precision in 0 to 1, or what the experiment counts in.
        interval: of the value, if the videos were drawn anew.
        top5: accuracy; None for 5 classes or fewer.
        right: 1 for each video that was recognized, else 0; None if that is not known.
        videos: names of these videos; runs on the same ones share an interval.
    """

    value: float
    interval: Interval | None = None
    top5: float | None = None
    right: NDArray[np.float64] | None = None
    videos: tuple[str, ...] = ()


def make_cell(row: str, column: str, figures: Sequence[Figure]) -> dict[str, Any]:
    """A cell of the table from what its runs found, at least one, as it is in ``results.json``."""
    values = [figure.value for figure in figures]
    top5 = [figure.top5 for figure in figures if figure.top5 is not None]
    interval = interval_of_mean(figures)
    return {
        "row": row,
        "column": column,
        "mean": statistics.mean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
        "values": values,
        "interval": interval and list(interval),
        "top5": statistics.mean(top5) if top5 else None,
    }


def interval_of_mean(figures: Sequence[Figure]) -> Interval | None:
    """Interval of the mean over runs for other videos of the same kind, not for other seeds.

    Each bootstrap draw takes the same videos in all runs.
    """
    if len(figures) == 1:
        return figures[0].interval
    rights = [figure.right for figure in figures if figure.right is not None]
    if len(rights) < len(figures) or len({figure.videos for figure in figures}) > 1:
        return None
    return bootstrap_mean(np.mean(rights, axis=0))


def failure(error: BaseException) -> str:
    """What went wrong, in one line."""
    text = one_line(error)
    known = isinstance(error, (ValueError, OSError, ImportError))
    return text if known else f"{type(error).__name__}: {text}"


def errors_of(run: Mapping[str, Any]) -> list[str]:
    """What went wrong with a run and with its evaluations."""
    found = [run["error"]] if run.get("error") else []
    looks = run.get("looks", {})
    return found + [f"{name}: {look['error']}" for name, look in looks.items() if "error" in look]


def write_results(out: Path, results: Results) -> None:
    """Write ``results.json``, ``results.md`` and perhaps ``results.png``.

    Raises:
        OSError: If they cannot be written.
    """
    text = json.dumps(results, indent=1, default=list) + "\n"
    write_atomically(out / RESULTS_FILE, text.encode())
    write_atomically(out / PAGE_FILE, results_page(results).encode())
    if results["cells"] and results["picture"]:
        _draw(results, out / PICTURE_FILE)


def results_page(results: Results) -> str:
    """The page in Markdown: what was measured, the table, how to read it, what failed."""
    seconds = sum(float(run.get("seconds", 0)) for run in results["runs"])
    minutes = f", {seconds / 60:.0f} minutes of training" if seconds >= 60 else ""
    parts = [
        f"# {results['experiment']}",
        f"{results['measures']}.",
        f"    {results['command']}",
        f"Budget {results['budget']}, {results['finished_runs']} of {results['planned_runs']} runs"
        f"{minutes}; {results['machine']['device']}, torch {results['machine']['torch']}.",
    ]
    if "data" in results:
        parts.append(
            f"Data: {results['data']}, {results['num_train']} training and "
            f"{results['num_validation']} validation videos, {len(results['class_names'])} classes."
        )
    parts.append(_table(results))
    parts += [_HOW_TO_READ] if results["unit"] == "%" else []
    parts += results["notes"]
    failed = [run for run in results["runs"] if errors_of(run)]
    if failed:
        parts.append("Failed, and left out of the table:")
        parts.append("\n".join(f"- {run['name']}: {'; '.join(errors_of(run))}" for run in failed))
    return "\n\n".join(parts) + "\n"


def _table(results: Results) -> str:
    """Our cells, and the poster's beside them; rows in its order if it has all of ours."""
    cells = {(cell["row"], cell["column"]): cell for cell in results["cells"]}
    columns = list(dict.fromkeys(column for _, column in cells))
    sizes = {run["row"]: run["parameters"] for run in results["runs"] if "parameters" in run}
    poster = {"columns": [], "rows": {}, **results["poster"]}
    ours = list(dict.fromkeys(row for row, _ in cells))
    rows = [*([] if set(ours) <= set(poster["rows"]) else ours), *poster["rows"]]
    lines = [
        [
            row,
            *([_size(sizes.get(row))] if sizes else []),
            *(cell_text(cells.get((row, column)), results["unit"]) for column in columns),
            *poster["rows"].get(row, [""] * len(poster["columns"])),
        ]
        for row in dict.fromkeys(rows)
    ]
    heads = ["", *(["parameters"] if sizes else []), *columns]
    heads += [f"poster: {column}" for column in poster["columns"]]
    return markdown_table(heads, lines).rstrip()


def cell_text(cell: Mapping[str, Any] | None, unit: str) -> str:
    """A cell: mean ± deviation over seeds, the interval over videos, then top-5."""
    if cell is None:
        return ""
    scale = 100 if unit == "%" else 1
    text = f"{scale * cell['mean']:.1f}"
    if cell["deviation"] is not None:
        text += f" ± {scale * cell['deviation']:.1f}"
    if cell["interval"] is not None:
        low, high = cell["interval"]
        text += f" ({scale * low:.1f} to {scale * high:.1f})"
    return text if cell["top5"] is None else f"{text} / {scale * cell['top5']:.1f}"


def _size(parameters: int | None) -> str:
    if parameters is None:
        return ""
    return f"{parameters / 1e6:.2f} M" if parameters >= 1e5 else f"{parameters:,}"


def _draw(results: Results, path: Path) -> None:
    """Draw the cells beside the poster's first numbers."""
    percent, classes = results["unit"] == "%", results.get("class_names")
    columns = {cell["column"] for cell in results["cells"]}
    # Parts of an accuracy, such as "box, up/down", are in the table only.
    cells = [
        cell
        for cell in results["cells"]
        if "," not in cell["column"] or cell["column"].split(",")[0] not in columns
    ]
    draw_rows(
        cells,
        path,
        title=results["picture"],
        label="validation accuracy, %" if percent else results["unit"],
        published=published(results["poster"], cells),
        chance=100 / len(classes) if classes and percent else None,
        scale=100.0 if percent else 1.0,
    )


def published(
    poster: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], float]:
    """The poster's first number for each cell, where it can be read.

    A single column of the poster stands for all of ours.
    """
    found, columns = {}, poster.get("columns", [])
    for cell in cells:
        row, column = cell["row"], cell["column"]
        if row in poster.get("rows", ()) and (column in columns or len(columns) == 1):
            text = poster["rows"][row][columns.index(column) if column in columns else 0]
            first = text.split("/")[0]
            if first.strip():
                found[row, column] = float(first)
    return found
