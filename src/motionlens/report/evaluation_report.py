"""What an evaluation found: every video's probabilities, and the figures that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

from motionlens.report.statistics import (
    CalibrationBins,
    Interval,
    Ranking,
    average_precisions,
    bootstrap_map,
    bootstrap_mean,
    calibration,
)

if TYPE_CHECKING:
    from rich.table import Table

REPORT_FILE = "report.json"
CONFUSION_FILE = "confusion.csv"
PREDICTIONS_FILE = "predictions.csv"

Window = tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Predictions for a set of videos, and the figures that follow from those with labels.

    Where each video shows one class, the figures are accuracies; where it may show several, they
    are average precisions, and what asks for one class is nan. So are all figures of a set in
    which no video has a label.

    Attributes:
        class_names: K label names, in the order of the probabilities.
        paths: V videos that were predicted.
        labels: true classes, int64 ``(V,)``, each in 0 to K-1, or -1 where unknown; of several
            the first.
        probabilities: predicted, float32 ``(V, K)``, the mean over a video's views. Rows sum to
            1; not where videos may show several classes.
        targets: bool ``(V, K)``, which classes a video shows, where it may show several.
        windows: start and end in seconds of the part of each video that was looked at; None if
            all are looked at whole.
        broken: path and reason of the videos that could not be decoded, and are in none of these.
        settings: what the figures depend on besides data and weights, such as ``k``.

    Raises:
        ValueError: On construction, if there is no video or the shapes do not agree.
    """

    class_names: tuple[str, ...]
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    targets: NDArray[np.bool_] | None = None
    windows: tuple[Window, ...] | None = None
    broken: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        videos, classes = len(self.paths), len(self.class_names)
        if not videos:
            raise ValueError("a report needs at least one video, got none")
        if self.labels.shape != (videos,) or self.probabilities.shape != (videos, classes):
            raise ValueError(
                f"labels must be ({videos},) and probabilities ({videos}, {classes}), "
                f"got {self.labels.shape} and {self.probabilities.shape}"
            )
        if self.targets is not None and self.targets.shape != (videos, classes):
            raise ValueError(f"targets must be ({videos}, {classes}), got {self.targets.shape}")
        if self.windows is not None and len(self.windows) != videos:
            raise ValueError(f"windows must be {videos}, one a video, got {len(self.windows)}")

    @property
    def num_videos(self) -> int:
        """V."""
        return len(self.paths)

    @property
    def is_multi_label(self) -> bool:
        """Whether a video may show several classes."""
        return self.targets is not None

    @cached_property
    def scored(self) -> NDArray[np.int64]:
        """The videos whose label is known; figures are of these alone."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each video, ``(V,)``."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the true one, of each scored video."""
        return np.asarray(self.predicted[self.scored] == self.labels[self.scored])

    @cached_property
    def top1(self) -> float:
        """Part of the videos whose most probable class is the true one."""
        return self._accuracy(1)

    @cached_property
    def top1_interval(self) -> Interval | None:
        """Where top-1 lies with 95 % confidence, by drawing the videos 1000 times anew."""
        if not self._has_accuracy:
            return None
        return bootstrap_mean(self.is_right.astype(np.float64))

    @cached_property
    def top5(self) -> float | None:
        """Part of the videos with the true class among the 5 most probable; None for K <= 5."""
        return self._accuracy(5) if len(self.class_names) > 5 else None

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Number of videos ``(K, K)`` with true class = row and predicted class = column.

        Raises:
            ValueError: If a video may show several classes.
        """
        if self.is_multi_label:
            raise ValueError("a confusion matrix needs one class a video, these may show several")
        if len(self.class_names) == 1:  # torchmetrics wants two
            return np.full((1, 1), len(self.scored), dtype=np.int64)
        matrix = multiclass_confusion_matrix(
            torch.from_numpy(self.predicted[self.scored]),
            torch.from_numpy(self.labels[self.scored]),
            len(self.class_names),
        )
        return np.asarray(matrix, dtype=np.int64)

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Scored videos that show each class, ``(K,)``."""
        shown = self.confusion if self.targets is None else self.targets[self.scored].T
        return np.asarray(shown.sum(axis=1), dtype=np.int64)

    @property
    def class_accuracies(self) -> NDArray[np.float64]:
        """Part of each class that is recognized, ``(K,)``; nan for a class without videos."""
        counts = self.class_counts
        nothing = np.full(len(counts), np.nan)
        if self.is_multi_label:
            return nothing
        right = self.confusion.diagonal().astype(np.float64)
        return np.asarray(np.divide(right, counts, out=nothing, where=counts > 0))

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have videos."""
        return _nanmean(self.class_accuracies)

    @cached_property
    def average_precisions(self) -> NDArray[np.float64]:
        """Average precision of each class, ``(K,)``; nan for a class without videos."""
        if self.targets is None:
            return np.full(len(self.class_names), np.nan)
        return average_precisions(self.probabilities[self.scored], self.targets[self.scored])

    @property
    def mean_average_precision(self) -> float:
        """Mean of the average precisions of the classes that have videos."""
        return _nanmean(self.average_precisions)

    @cached_property
    def mean_average_precision_interval(self) -> Interval | None:
        """Where it lies with 95 % confidence, by drawing the videos 200 times anew."""
        if self.targets is None or not len(self.scored):
            return None
        ranking = Ranking(self.probabilities[self.scored], self.targets[self.scored])
        return bootstrap_map(ranking, len(self.scored))

    @cached_property
    def calibration(self) -> CalibrationBins | None:
        """Accuracy by confidence in 15 bins; None where there is no accuracy."""
        if not self._has_accuracy:
            return None
        return calibration(self.probabilities[self.scored].max(axis=1), self.is_right)

    @property
    def calibration_error(self) -> float:
        """The expected calibration error, see :func:`motionlens.report.statistics.calibration`."""
        return self.calibration.error if self.calibration else float("nan")

    @property
    def _has_accuracy(self) -> bool:
        return not self.is_multi_label and bool(len(self.scored))

    def _accuracy(self, top: int) -> float:
        if not self._has_accuracy:
            return float("nan")
        if len(self.class_names) == 1:
            return 1.0
        return float(
            multiclass_accuracy(
                torch.from_numpy(self.probabilities[self.scored]),
                torch.from_numpy(self.labels[self.scored]),
                num_classes=len(self.class_names),
                average="micro",
                top_k=top,
            )
        )

    def to_json(self) -> str:
        """As a JSON object with the figures, the confusion matrix and one entry a video."""
        from motionlens.report.report_files import report_json

        return report_json(self)

    def table(self) -> Table:
        """The accuracies as a table for the terminal, one row a class."""
        from motionlens.report.tables import class_table

        return class_table(self)

    def confusion_table(self) -> Table:
        """The confusion matrix as a table for the terminal: a row a true class."""
        from motionlens.report.tables import confusion_table

        return confusion_table(self)

    def write(self, folder: Path) -> None:
        """Write ``report.json``, ``predictions.csv`` and ``confusion.csv``.

        The last is left out where there is no confusion. The folder is made if absent.

        Raises:
            OSError: If it cannot be written.
        """
        from motionlens.report.report_files import write_report

        write_report(self, folder)

    def mistaken_for(self, row: int) -> tuple[int, int]:
        """The class that a class is most often mistaken for, and how often; 0 times for never."""
        wrong = self.confusion[row].copy()
        wrong[row] = 0
        worst = int(wrong.argmax())
        return worst, int(wrong[worst])


def _nanmean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
