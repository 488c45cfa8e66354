"""The results of an experiment: cells, ``results.json``, and the page made from it.

``results.json`` holds all that page and picture show, so that either can be made again from it.
"""

from __future__ import annotations

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
from motionlens.report.statistics import Interval, bootstrap_mean
from motionlens.reproduce.drawing import draw_results

RESULTS_FILE, PAGE_FILE, PICTURE_FILE = "results.json", "results.md", "results.png"

# A table of the poster with more columns than this is not put beside ours, but below.
_MOST_BESIDE = 3
_HOW_TO_READ = (
    "Accuracy in %: the mean over seeds ± their standard deviation, then (in brackets) where the "
    "mean lies with 95 % confidence if the same number of videos is drawn anew, then / top-5 where "
    "there are more than 5 classes. Other seeds may vary more than that."
)
Results = dict[str, Any]


class Figure(NamedTuple):
    """What one run contributes to a cell.

    Attributes:
        value: accuracy or mean average precision in 0 to 1, or what the experiment counts in.
        interval: of the value, if the videos were drawn anew.
        top5: accuracy; None for 5 classes or fewer.
        right: 1 for each video that was recognized, else 0; None where that is not known.
        videos: which videos these are; runs on the same ones have an interval in common.
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
        "interval": None if interval is None else list(interval),
        "top5": statistics.mean(top5) if top5 else None,
    }


def interval_of_mean(figures: Sequence[Figure]) -> Interval | None:
    """Where the mean over runs lies, if the videos were others of the same kind.

    A draw takes the same videos in all runs. It says nothing of other seeds.
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


def write_results(out: Path, results: Results) -> list[Path]:
    """Write ``results.json``, ``results.md`` and perhaps a picture; returns the files.

    Raises:
        OSError: If they cannot be written.
    """
    text = json.dumps(results, indent=1, default=list) + "\n"
    write_atomically(out / RESULTS_FILE, text.encode())
    write_atomically(out / PAGE_FILE, results_page(results).encode())
    written = [out / RESULTS_FILE, out / PAGE_FILE]
    if results["cells"] and results["picture"]:
        draw_results(results, out / PICTURE_FILE)
        written.append(out / PICTURE_FILE)
    return written


def results_page(results: Results) -> str:
    """The page in Markdown: what was measured, the table, how to read it, what failed."""
    parts = [f"# {results['experiment']}", f"{results['measures']}.", f"    {results['command']}"]
    parts.append(_progress(results))
    if "data" in results:
        parts.append(
            f"Data: {results['data']}, {results['num_train']} training and "
            f"{results['num_validation']} validation videos, {len(results['class_names'])} classes."
        )
    parts.append(_table(results))
    for table in results["poster"]:
        if len(table["columns"]) > _MOST_BESIDE:
            parts.append(f"The poster's table {table['title']}; blank is what cannot be read:")
            rows = [[row, *_poster_cells(table, row)] for row in table["rows"]]
            parts.append(markdown_table(["", *table["columns"]], rows).rstrip())
    parts += [_HOW_TO_READ] if results["unit"] == "%" else []
    parts += results["notes"]
    failed = [run for run in results["runs"] if errors_of(run)]
    if failed:
        parts.append("Failed, and left out of the table:")
        parts.append("\n".join(f"- {run['name']}: {'; '.join(errors_of(run))}" for run in failed))
    return "\n\n".join(parts) + "\n"


def _progress(results: Results) -> str:
    seconds = sum(float(run.get("seconds", 0)) for run in results["runs"])
    text = (
        f"Budget {results['budget']}, {results['finished_runs']} of {results['planned_runs']} runs"
    )
    text += f", {seconds / 60:.0f} minutes of training" if seconds >= 60 else ""
    return f"{text}; {results['machine']['device']}, torch {results['machine']['torch']}."


def _table(results: Results) -> str:
    """Our cells, and the poster's beside them where it has few columns."""
    beside = [table for table in results["poster"] if len(table["columns"]) <= _MOST_BESIDE]
    cells = {(cell["row"], cell["column"]): cell for cell in results["cells"]}
    columns = list(dict.fromkeys(column for _, column in cells))
    sizes = {run["row"]: run["parameters"] for run in results["runs"] if "parameters" in run}
    has_published = any(table.get("parameters") for table in beside)
    heads = ["", *(["parameters"] if sizes else []), *columns]
    heads += [f"poster: {column}" for table in beside for column in table["columns"]]
    heads += ["poster: parameters"] if has_published else []
    lines = []
    for row in _ordered(list(dict.fromkeys(row for row, _ in cells)), beside):
        line = [row, *([_size(sizes.get(row))] if sizes else [])]
        line += [cell_text(cells.get((row, column)), results["unit"]) for column in columns]
        line += [text for table in beside for text in _poster_cells(table, row)]
        if has_published:
            published = [size for t in beside if (size := (t.get("parameters") or {}).get(row))]
            line.append(f"{published[0]:.1f} M" if published else "")
        lines.append(line)
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


def published_text(numbers: Sequence[float | None], decimals: int = 1) -> str:
    """The poster's numbers, ``56.9 / 79.5``; blank where they cannot be read or are not given."""
    if all(number is None for number in numbers):
        return ""
    texts = ("" if number is None else f"{number:.{decimals}f}" for number in numbers)
    return " / ".join(texts).strip()


def _ordered(ours: list[str], poster: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows in the order of the poster's table that has all of ours; else ours first."""
    first = next(
        (list(table["rows"]) for table in reversed(poster) if set(ours) <= set(table["rows"])), ours
    )
    return list(dict.fromkeys([*first, *(row for table in poster for row in table["rows"])]))


def _poster_cells(table: Mapping[str, Any], row: str) -> list[str]:
    numbers = table["rows"].get(row, [()] * len(table["columns"]))
    return [published_text(each, table.get("decimals", 1)) for each in numbers]


def _size(parameters: int | None) -> str:
    if parameters is None:
        return ""
    return f"{parameters / 1e6:.2f} M" if parameters >= 1e5 else f"{parameters:,}"
