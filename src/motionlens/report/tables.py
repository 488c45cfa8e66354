"""An evaluation report as tables for the terminal."""

import numpy as np
from rich.table import Table

from motionlens._utils.numbers import counted, percent
from motionlens._utils.tables import console_table
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.statistics import Interval, nanmean

# Of each class of a report whose videos may show several.
THRESHOLD_HEADINGS = ("threshold", "precision", "recall", "F1")


def metrics(report: EvaluationReport) -> list[tuple[str, float, Interval | None]]:
    """Name, value and 95 % interval of each metric of the whole set."""
    if report.is_multi_label:
        interval = report.mean_average_precision_interval
        mean = ("mean average precision", report.mean_average_precision, interval)
        scores = report.at_thresholds
        return [mean] if scores is None else [mean, ("mean F1", nanmean(scores.f1), None)]
    found = [("top-1", report.top1, report.top1_interval)]
    if report.top5 is not None:
        found.append(("top-5", report.top5, None))
    found.append(("mean class accuracy", report.mean_class_accuracy, None))
    found.append(("calibration error", report.calibration_error, None))
    return found


def probability_scores(report: EvaluationReport) -> list[tuple[str, float, Interval]]:
    """Name, value and 95 % interval of the scores that are no shares; none without an accuracy."""
    found = {"negative log-likelihood": report.log_loss, "Brier score": report.brier_score}
    return [(name, *value) for name, value in found.items() if value is not None]


def class_rows(report: EvaluationReport) -> list[tuple[str, int, float, str]]:
    """Name, number of videos and metric of each class, and what it is most often mistaken for.

    The last is empty if it is never mistaken, and if a video may show several classes.
    """
    mistaken = [""] * len(report.class_names)
    if not report.is_multi_label:
        wrong = report.confusion.copy()
        np.fill_diagonal(wrong, 0)
        worst = zip(wrong.argmax(axis=1), wrong.max(axis=1), strict=True)
        mistaken = [f"{report.class_names[i]} ({count})" if count else "" for i, count in worst]
    _, values = report.class_metric
    counts = report.class_counts.tolist()
    return list(zip(report.class_names, counts, values.tolist(), mistaken, strict=True))


def threshold_cells(report: EvaluationReport) -> list[tuple[str, ...]]:
    """Cells under :data:`THRESHOLD_HEADINGS`, one row per class; empty without thresholds."""
    if report.at_thresholds is None or report.thresholds is None:
        return []
    return [
        (f"{limit:.3f}", *map(percent, scores))
        for limit, *scores in zip(report.thresholds, *report.at_thresholds, strict=True)
    ]


def class_table(report: EvaluationReport) -> Table:
    """One row per class, and the metrics of the whole set below."""
    headings = ["class", "videos", report.class_metric[0]]
    headings += [] if report.is_multi_label else ["most often mistaken for"]
    rows = [
        (name, str(count), percent(value), mistaken)[: len(headings)]
        for name, count, value, mistaken in class_rows(report)
    ]
    left = (0,) if report.is_multi_label else (0, 3)
    if cells := threshold_cells(report):
        headings += THRESHOLD_HEADINGS
        rows = [(*row, *more) for row, more in zip(rows, cells, strict=True)]
    table = console_table(headings, rows, title=counted(report.num_videos, "video"), left=left)
    table.add_section()
    for name, value, interval in metrics(report):
        bounds = f" ({percent_range(interval)})" if interval else ""
        table.add_row(name, str(len(report.scored)), percent(value) + bounds)
    for name, value, interval in probability_scores(report):
        table.add_row(name, str(len(report.scored)), score_and_range(value, interval))
    return table


def confusion_table(report: EvaluationReport) -> Table:
    """The confusion matrix, one row per true class."""
    headings = ["class", *(f"({number})" for number in range(1, len(report.class_names) + 1))]
    matrix = zip(report.class_names, report.confusion.tolist(), strict=True)
    rows = [
        [f"({number}) {name}", *(str(count or ".") for count in counts)]
        for number, (name, counts) in enumerate(matrix, 1)
    ]
    title = "Confusion: true class by row, predicted by column"
    return console_table(headings, rows, title=title)


def percent_range(interval: Interval, sign: str = "") -> str:
    """An interval in 0 to 1 as text, in percent without the sign %."""
    return f"{100 * interval.low:{sign}.1f} to {100 * interval.high:{sign}.1f}"


def score_and_range(value: float, interval: Interval) -> str:
    """A score that is no share, with its interval in brackets."""
    return f"{value:.3f} ({plain_range(interval)})"


def plain_range(interval: Interval) -> str:
    """An interval as text, for scores that are no shares."""
    return f"{interval.low:.3f} to {interval.high:.3f}"
