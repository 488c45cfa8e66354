"""An evaluation report as JSON and CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from motionlens._utils.csv_files import as_csv
from motionlens._utils.files import write_atomically
from motionlens.clips.video_index import LABEL_SEPARATOR
from motionlens.report.evaluation_report import (
    CONFUSION_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    EvaluationReport,
)
from motionlens.report.statistics import CONFIDENCE, NUM_RANKING_RESAMPLES, NUM_RESAMPLES, Interval

TOP = 5


def report_json(report: EvaluationReport) -> str:
    """As a JSON object with the figures, the confusion matrix and one entry a video.

    What is not known is null. Probabilities have 6 decimals.
    """
    names = report.class_names
    is_multi = report.is_multi_label
    values: dict[str, Any] = {
        "num_videos": report.num_videos,
        "num_scored": len(report.scored),
        "top1": _known(report.top1),
        "top1_interval": _interval(report.top1_interval, NUM_RESAMPLES),
        "top5": None if report.top5 is None else _known(report.top5),
        "mean_class_accuracy": _known(report.mean_class_accuracy),
        "calibration_error": _known(report.calibration_error),
    }
    if is_multi:
        found = report.mean_average_precision_interval
        values["mean_average_precision"] = _known(report.mean_average_precision)
        values["mean_average_precision_interval"] = _interval(found, NUM_RANKING_RESAMPLES)
    values |= {
        "settings": dict(report.settings),
        "broken": [{"path": path, "error": error} for path, error in report.broken],
        "classes": {name: _class_entry(report, label) for label, name in enumerate(names)},
        "class_names": list(names),
        "confusion": None if is_multi else report.confusion.tolist(),
        "videos": [_video_entry(report, i) for i in range(report.num_videos)],
    }
    return json.dumps(values, indent=1, allow_nan=False) + "\n"


def write_report(report: EvaluationReport, folder: Path) -> None:
    """Write ``report.json``, ``predictions.csv`` and, if there is one, ``confusion.csv``.

    Raises:
        OSError: If they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / REPORT_FILE, report_json(report).encode())
    write_atomically(folder / PREDICTIONS_FILE, predictions_csv(report).encode())
    if report.is_multi_label or not len(report.scored):
        # One of an earlier evaluation would be taken for this one's.
        (folder / CONFUSION_FILE).unlink(missing_ok=True)
        return
    rows = [
        [name, *counts] for name, counts in zip(report.class_names, report.confusion, strict=True)
    ]
    head = ["true \\ predicted", *report.class_names]
    write_atomically(folder / CONFUSION_FILE, as_csv([head, *rows]).encode())


def predictions_csv(report: EvaluationReport) -> str:
    """One line a video: what it is, what it was taken for, and the next best classes.

    Columns: path, start and end (seconds, where parts of videos were looked at), label (empty if
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
        row = [path, *window, LABEL_SEPARATOR.join(true_labels(report, i))]
        for label in best_labels(report, i)[:top]:
            row += [report.class_names[label], f"{report.probabilities[i, label]:.6f}"]
        rows.append(row)
    return as_csv(rows)


def best_labels(report: EvaluationReport, i: int) -> list[int]:
    """All classes of a video, the most probable first."""
    order: list[int] = np.argsort(-report.probabilities[i], kind="stable").tolist()
    return order


def true_labels(report: EvaluationReport, i: int) -> list[str]:
    """Names of the classes that a video shows; none if that is not known."""
    if report.labels[i] < 0:
        return []
    if report.targets is None:
        return [report.class_names[report.labels[i]]]
    return [report.class_names[label] for label in np.flatnonzero(report.targets[i])]


def _class_entry(report: EvaluationReport, label: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"num_videos": int(report.class_counts[label])}
    if report.is_multi_label:
        entry["average_precision"] = _known(report.average_precisions[label])
    else:
        entry["accuracy"] = _known(report.class_accuracies[label])
    return entry


def _video_entry(report: EvaluationReport, i: int) -> dict[str, Any]:
    names = report.class_names
    label = int(report.labels[i])
    entry: dict[str, Any] = {"path": report.paths[i]}
    if report.windows is not None:
        entry["start"], entry["end"] = report.windows[i]
    entry["label"] = names[label] if label >= 0 else None
    if report.is_multi_label:
        entry["labels"] = true_labels(report, i)
    entry["predicted"] = names[report.predicted[i]]
    entry["probabilities"] = [round(float(value), 6) for value in report.probabilities[i]]
    return entry


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(found: Interval | None, resamples: int) -> dict[str, float] | None:
    if found is None:
        return None
    return {
        "low": found.low,
        "high": found.high,
        "confidence": CONFIDENCE,
        "resamples": resamples,
    }
