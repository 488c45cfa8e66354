"""The files of an evaluation."""

from pathlib import Path
from typing import Any

from motionlens._utils.csv_files import as_csv, write_csv
from motionlens._utils.files import write_atomically
from motionlens.clips.video_index import LABEL_SEPARATOR
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.html_report import write_html
from motionlens.report.plots.confusion import draw_confusion

REPORT_FILE, HTML_FILE, PREDICTIONS_FILE = "report.json", "report.html", "predictions.csv"
CONFUSION_FILE, PICTURE_FILE = "confusion.csv", "confusion.png"
# Labels per video in predictions.csv.
TOP = 5


def write_report(report: EvaluationReport, folder: Path, *, title: str) -> None:
    """Write ``report.html``, ``report.json``, ``predictions.csv``, ``confusion.csv`` and ``.png``.

    Where there is no confusion matrix, the last two are left out; those of an earlier report are
    removed.

    Args:
        report: what to write.
        folder: made if absent.
        title: of the page.

    Raises:
        OSError: If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / REPORT_FILE, report.to_json().encode())
    write_atomically(folder / PREDICTIONS_FILE, predictions_csv(report).encode())
    write_html(report, folder / HTML_FILE, title=title)
    if not report.has_accuracy:
        # The files of an earlier evaluation would be mistaken for this one's.
        for name in (CONFUSION_FILE, PICTURE_FILE):
            (folder / name).unlink(missing_ok=True)
        return
    matrix = zip(report.class_names, report.confusion, strict=True)
    rows = [["true \\ predicted", *report.class_names], *([name, *row] for name, row in matrix)]
    write_csv(folder / CONFUSION_FILE, rows)
    draw_confusion(report.confusion, report.class_names, folder / PICTURE_FILE)


def predictions_csv(report: EvaluationReport) -> str:
    """One line per video.

    Columns: path, start and end (seconds, only if parts of videos were evaluated), label (empty if
    unknown, several as ``one|other``), predicted, probability, then label_2, probability_2 and so
    on up to the fifth.
    """
    top = min(TOP, len(report.class_names))
    head = ["path", *(["start", "end"] if report.windows else []), "label"]
    head += ["predicted", "probability"]
    head += [name for i in range(2, top + 1) for name in (f"label_{i}", f"probability_{i}")]
    rows: list[list[Any]] = [head]
    for i, path in enumerate(report.paths):
        times = report.windows[i] if report.windows else ()
        window = ["" if time is None else f"{time:g}" for time in times]
        row = [path, *window, LABEL_SEPARATOR.join(report.true_labels(i))]
        for label in report.ranked_labels(i)[:top]:
            row += [report.class_names[label], f"{report.probabilities[i, label]:.6f}"]
        rows.append(row)
    return as_csv(rows)
