"""An evaluation report as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.statistics import Interval

if TYPE_CHECKING:
    from rich.table import Table


def class_table(report: EvaluationReport) -> Table:
    """The figures, one row a class and the whole below."""
    from rich.table import Table

    is_multi = report.is_multi_label
    table = Table(title=f"{report.num_videos} videos", title_justify="left")
    table.add_column("class", overflow="fold")
    table.add_column("videos", justify="right")
    table.add_column("average precision" if is_multi else "accuracy", justify="right")
    if not is_multi:
        table.add_column("most often mistaken for", overflow="fold")
    parts = report.average_precisions if is_multi else report.class_accuracies
    counts = report.class_counts
    for row, name in enumerate(report.class_names):
        mistaken = [] if is_multi else [_mistaken_for(report, row)]
        table.add_row(name, str(counts[row]), percent(parts[row]), *mistaken)
    table.add_section()
    for name, text in figures(report):
        table.add_row(name, str(len(report.scored)), text)
    return table


def figures(report: EvaluationReport) -> list[tuple[str, str]]:
    """Names and values of the figures of the whole."""
    if report.is_multi_label:
        found = report.mean_average_precision_interval
        return [
            ("mean average precision", percent(report.mean_average_precision) + _between(found))
        ]
    lines = [("top-1", percent(report.top1) + _between(report.top1_interval))]
    if report.top5 is not None:
        lines.append(("top-5", percent(report.top5)))
    lines.append(("mean of classes", percent(report.mean_class_accuracy)))
    lines.append(("calibration error", percent(report.calibration_error)))
    return lines


def confusion_table(report: EvaluationReport) -> Table:
    """The confusion matrix: a row a true class."""
    from rich.table import Table

    names = report.class_names
    table = Table(title="Confusion: true class by row, predicted by column")
    table.title_justify = "left"
    table.add_column("class", no_wrap=True)
    for number in range(1, len(names) + 1):
        table.add_column(f"({number})", justify="right")
    for number, (name, row) in enumerate(zip(names, report.confusion, strict=True), 1):
        table.add_row(f"({number}) {name}", *(str(count) if count else "." for count in row))
    return table


def percent(value: float) -> str:
    """A part as text, in percent; a dash for what is not known."""
    return "-" if np.isnan(value) else f"{100 * value:.1f} %"


def _between(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _mistaken_for(report: EvaluationReport, row: int) -> str:
    worst, count = report.mistaken_for(row)
    return f"{report.class_names[worst]} ({count})" if count else ""
