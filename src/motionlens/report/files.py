"""The files of an evaluation."""

from pathlib import Path

from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.html_report import write_html
from motionlens.report.plots.confusion import draw_confusion

HTML_FILE, PICTURE_FILE = "report.html", "confusion.png"


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
    report.write(folder)
    write_html(report, folder / HTML_FILE, title=title)
    if report.has_accuracy:
        draw_confusion(report.confusion, report.class_names, folder / PICTURE_FILE)
    else:
        (folder / PICTURE_FILE).unlink(missing_ok=True)
