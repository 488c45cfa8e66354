"""Predictions in the form in which a data set's leaderboard took them."""

from pathlib import PurePath

import numpy as np

from motionlens._utils.csv_files import as_csv
from motionlens.clips.video_index import LABEL_SEPARATOR
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.thresholds import DEFAULT_THRESHOLD
from motionlens.video.find import VIDEO_SUFFIXES


def submission_text(report: EvaluationReport, labels: int | None) -> str:
    """The lines of a submission, in the order of the videos.

    Args:
        report: the predictions.
        labels: classes per line, best first, of a leaderboard: ``id;label;...`` without a header.
            An id is the name of the video's file or folder, without the file's suffix. A cell
            that holds a semicolon or a quote is quoted. None for a header and
            ``path,label,probability``; where videos may show several classes, the label is all
            those that reach their thresholds (0.5 without any), ``one|other``, and there is no
            probability.
    """
    if labels is None:
        return _plain_text(report)
    names = report.class_names
    rows = [
        [_video_id(path), *(names[label] for label in report.ranked_labels(i)[:labels])]
        for i, path in enumerate(report.paths)
    ]
    return as_csv(rows, ";")


def _plain_text(report: EvaluationReport) -> str:
    names = report.class_names
    if report.is_multi_label:
        limits = np.array(report.thresholds or [DEFAULT_THRESHOLD] * len(names))
        shown = [
            LABEL_SEPARATOR.join(names[label] for label in np.flatnonzero(row >= limits))
            for row in report.probabilities.astype(np.float64)
        ]
        return as_csv([["path", "label"], *zip(report.paths, shown, strict=True)])
    rows = zip(report.paths, report.predicted, report.probabilities, strict=True)
    lines = [[path, names[label], f"{row[label]:.6f}"] for path, label, row in rows]
    return as_csv([["path", "label", "probability"], *lines])


def _video_id(path: str) -> str:
    name = PurePath(path)
    return name.stem if name.suffix.lower() in VIDEO_SUFFIXES else name.name
