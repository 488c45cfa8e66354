"""Predictions in the form in which a data set's leaderboard took them."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Literal

from motionlens._utils.csv_files import as_csv
from motionlens._utils.files import write_atomically
from motionlens.clips.video_index import LABEL_SEPARATOR
from motionlens.report.evaluation_report import TOP, EvaluationReport
from motionlens.video.find import VIDEO_SUFFIXES

SubmissionForm = Literal["jester", "something", "csv"]
# From which probability on a class is named, where a video may show several.
_LEAST = 0.5


def submission_form(name: str | None) -> SubmissionForm:
    """The form for a prepared data set.

    Args:
        name: of the data set in the catalogue; None for data that nobody has prepared.
    """
    for form in ("jester", "something"):
        if name is not None and name.lower().replace("20bn-", "").startswith(form):
            return form
    return "csv"


def submission_text(report: EvaluationReport, form: SubmissionForm) -> str:
    """The lines of a submission, in the order of the videos.

    ``"jester"``: ``id;label``, no header. ``"something"``: ``id;label;label;...``, no header, up
    to five labels, the best first. An id is the name of the video's file or folder, without the
    file's suffix. A cell that holds a semicolon or a quote is quoted. ``"csv"``: a header and
    ``path,label,probability``; where videos may show several classes, the label is all those of at
    least 0.5, ``one|other``, and there is no probability.
    """
    names = report.class_names
    if form == "csv":
        return _plain_text(report)
    number = 1 if form == "jester" else TOP
    rows = [
        [_video_id(path), *(names[label] for label in report.ranked_labels(i)[:number])]
        for i, path in enumerate(report.paths)
    ]
    return as_csv(rows, ";")


def write_submission(report: EvaluationReport, form: SubmissionForm, path: Path) -> None:
    """Write what :func:`submission_text` says.

    Raises:
        OSError: If it cannot be written.
    """
    write_atomically(path, submission_text(report, form).encode())


def _plain_text(report: EvaluationReport) -> str:
    names = report.class_names
    if report.is_multi_label:
        shown = [LABEL_SEPARATOR.join(n for n, p in zip(names, row, strict=True) if p >= _LEAST)
                 for row in report.probabilities]  # fmt: skip
        return as_csv([["path", "label"], *zip(report.paths, shown, strict=True)])
    rows = zip(report.paths, report.predicted, report.probabilities, strict=True)
    lines = [[path, names[label], f"{row[label]:.6f}"] for path, label, row in rows]
    return as_csv([["path", "label", "probability"], *lines])


def _video_id(path: str) -> str:
    name = PurePath(path)
    return name.stem if name.suffix.lower() in VIDEO_SUFFIXES else name.name
