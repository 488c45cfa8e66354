"""What an evaluation found: each video's probabilities, the metrics that follow, and its files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlens.report.calibration import CalibrationBins, brier_scores, calibration, log_losses
from motionlens.report.statistics import (
    CONFIDENCE,
    NUM_RANKING_RESAMPLES,
    NUM_RESAMPLES,
    Interval,
    Ranking,
    accuracy,
    average_precisions,
    bootstrap_map,
    bootstrap_mean,
    nanmean,
)
from motionlens.report.thresholds import ThresholdScores, threshold_scores

Window = tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Predictions for a set of videos, and the metrics of those with a known label.

    If each video shows one class, the metrics are accuracies. If a video may show several, they
    are average precisions, and accuracies are nan. Without any labelled video all are nan.

    Attributes:
        class_names: K label names, in the order of the probabilities.
        paths: the V predicted videos.
        labels: true classes, int64 ``(V,)``, each in 0 to K-1, or -1 if unknown; the first class
            of a video that shows several.
        probabilities: float32 ``(V, K)``, the mean over a video's views. Rows sum to 1 unless a
            video may show several classes.
        targets: bool ``(V, K)``, the classes that each video shows; None for one class per video.
        thresholds: from which probability each class is shown, where a video may show several; None
            if that is not asked.
        windows: start and end in seconds of the evaluated part of each video; None if all videos
            are evaluated whole.
        broken: path and reason of each video that could not be decoded. They count nowhere else.
        settings: what the metrics depend on besides data and weights, such as ``k``.
        fps: frames per second of videos that are folders of pictures; not written to files.

    Raises:
        ValueError: On construction, if there is no video, or the shapes do not agree.
    """

    class_names: tuple[str, ...]
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    targets: NDArray[np.bool_] | None = None
    thresholds: tuple[float, ...] | None = None
    windows: tuple[Window, ...] | None = None
    broken: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    fps: float = 12.0

    def __post_init__(self) -> None:
        V, K = len(self.paths), len(self.class_names)
        if not V:
            raise ValueError("a report needs at least one video, got none")
        if self.labels.shape != (V,) or self.probabilities.shape != (V, K):
            raise ValueError(
                f"labels must be ({V},) and probabilities ({V}, {K}), got {self.labels.shape} "
                f"and {self.probabilities.shape}"
            )
        if self.targets is not None and self.targets.shape != (V, K):
            raise ValueError(f"targets must be ({V}, {K}), got {self.targets.shape}")
        if self.windows is not None and len(self.windows) != V:
            raise ValueError(f"windows must be {V}, one per video, got {len(self.windows)}")

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
        """Positions of the videos with a known label; the metrics are of these alone."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def has_accuracy(self) -> bool:
        """Whether there are labelled videos, each of one class."""
        return not self.is_multi_label and bool(len(self.scored))

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each video, ``(V,)``."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the true one, per scored video."""
        return np.asarray(self.predicted[self.scored] == self.labels[self.scored])

    @cached_property
    def top1(self) -> float:
        """Share of the videos whose most probable class is the true one."""
        return self._accuracy(1)

    @cached_property
    def top1_interval(self) -> Interval | None:
        """95 % interval of top-1, from 1000 bootstrap resamples of the videos."""
        return bootstrap_mean(self.is_right.astype(np.float64)) if self.has_accuracy else None

    @cached_property
    def top5(self) -> float | None:
        """Share of the videos with the true class among the 5 most probable; None for K <= 5."""
        return self._accuracy(5) if len(self.class_names) > 5 else None

    def _accuracy(self, top: int) -> float:
        if not self.has_accuracy:
            return float("nan")
        return accuracy(self.probabilities[self.scored], self.labels[self.scored], top)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Number of videos ``(K, K)`` by true class (row) and predicted class (column).

        Raises:
            ValueError: If a video may show several classes.
        """
        if self.is_multi_label:
            raise ValueError("a confusion matrix needs one class per video, these may show several")
        K = len(self.class_names)
        cells = self.labels[self.scored] * K + self.predicted[self.scored]
        return np.bincount(cells, minlength=K * K).reshape(K, K)

    @cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """Scored videos that show each class, ``(K,)``."""
        shown = self.confusion if self.targets is None else self.targets[self.scored].T
        return np.asarray(shown.sum(axis=1), dtype=np.int64)

    @property
    def class_accuracies(self) -> NDArray[np.float64]:
        """Share of each class that is recognized, ``(K,)``; nan for a class without videos."""
        if self.is_multi_label:
            return np.full(len(self.class_names), np.nan)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.confusion.diagonal() / self.class_counts)

    @property
    def mean_class_accuracy(self) -> float:
        """Mean of the accuracies of the classes that have videos."""
        return nanmean(self.class_accuracies)

    @cached_property
    def average_precisions(self) -> NDArray[np.float64]:
        """Average precision of each class, ``(K,)``; nan for a class without videos."""
        if self.targets is None:
            return np.full(len(self.class_names), np.nan)
        return average_precisions(self.probabilities[self.scored], self.targets[self.scored])

    @property
    def mean_average_precision(self) -> float:
        """Mean of the average precisions of the classes that have videos."""
        return nanmean(self.average_precisions)

    @cached_property
    def mean_average_precision_interval(self) -> Interval | None:
        """95 % interval of the mean average precision, from 200 bootstrap resamples."""
        return bootstrap_map(self.ranking) if self.is_multi_label and len(self.scored) else None

    @cached_property
    def ranking(self) -> Ranking:
        """The scored videos ranked for each class, if a video may show several."""
        assert self.targets is not None
        return Ranking(self.probabilities[self.scored], self.targets[self.scored])

    @cached_property
    def at_thresholds(self) -> ThresholdScores | None:
        """Precision, recall and F1 of each class at its threshold; None without thresholds."""
        if self.targets is None or self.thresholds is None:
            return None
        scored = self.scored
        return threshold_scores(self.probabilities[scored], self.targets[scored], self.thresholds)

    @property
    def class_metric(self) -> tuple[str, NDArray[np.float64]]:
        """Name and values ``(K,)`` of the metric per class: accuracy or average precision."""
        if self.is_multi_label:
            return "average precision", self.average_precisions
        return "accuracy", self.class_accuracies

    @cached_property
    def calibration(self) -> CalibrationBins | None:
        """Accuracy by confidence in 15 bins; None if there is no accuracy."""
        if not self.has_accuracy:
            return None
        return calibration(self.probabilities[self.scored].max(axis=1), self.is_right)

    @property
    def calibration_error(self) -> float:
        """The expected calibration error, see :func:`motionlens.report.calibration.calibration`."""
        return self.calibration.error if self.calibration else float("nan")

    @cached_property
    def log_loss(self) -> tuple[float, Interval] | None:
        """Mean negative log-likelihood, nats, and its 95 % interval; None without an accuracy."""
        return self._mean_of(log_losses)

    @cached_property
    def brier_score(self) -> tuple[float, Interval] | None:
        """Mean Brier score, 0 to 2, and its 95 % interval; None if there is no accuracy."""
        return self._mean_of(brier_scores)

    def _mean_of(
        self, score: Callable[[Any, NDArray[np.int64]], NDArray[np.float64]]
    ) -> tuple[float, Interval] | None:
        if not self.has_accuracy:
            return None
        values = score(self.probabilities[self.scored], self.labels[self.scored])
        return float(values.mean()), bootstrap_mean(values)

    def true_labels(self, i: int) -> list[str]:
        """Names of the classes that video ``i`` shows; empty if unknown."""
        if self.labels[i] < 0:
            return []
        if self.targets is None:
            return [self.class_names[self.labels[i]]]
        return [self.class_names[label] for label in np.flatnonzero(self.targets[i])]

    def ranked_labels(self, i: int) -> list[int]:
        """All classes of video ``i``, the most probable first."""
        order: list[int] = np.argsort(-self.probabilities[i], kind="stable").tolist()
        return order

    def take(self, videos: Sequence[int] | NDArray[np.int64]) -> EvaluationReport:
        """The report of the videos at these positions, in this order."""
        chosen = np.asarray(videos)
        return replace(
            self,
            paths=tuple(self.paths[i] for i in chosen),
            labels=self.labels[chosen],
            probabilities=self.probabilities[chosen],
            targets=None if self.targets is None else self.targets[chosen],
            windows=None if self.windows is None else tuple(self.windows[i] for i in chosen),
        )

    def to_json(self) -> str:
        """A JSON object with the metrics, the confusion matrix and one entry per video.

        Unknown values are null. Probabilities have 6 decimals.
        """
        values: dict[str, Any] = {
            "num_videos": self.num_videos,
            "num_scored": len(self.scored),
            "top1": _known(self.top1),
            "top1_interval": _interval_json(self.top1_interval, NUM_RESAMPLES),
            "top5": None if self.top5 is None else _known(self.top5),
            "mean_class_accuracy": _known(self.mean_class_accuracy),
            "calibration_error": _known(self.calibration_error),
        }
        for name in ("log_loss", "brier_score"):
            value, interval = getattr(self, name) or (float("nan"), None)
            values[name] = _known(value)
            values[f"{name}_interval"] = _interval_json(interval, NUM_RESAMPLES)
        if self.is_multi_label:
            values["mean_average_precision"] = _known(self.mean_average_precision)
            values["mean_average_precision_interval"] = _interval_json(
                self.mean_average_precision_interval, NUM_RANKING_RESAMPLES
            )
        metric, by_class = self.class_metric
        classes = zip(self.class_names, self.class_counts, by_class, strict=True)
        values |= {
            "settings": dict(self.settings),
            "broken": [{"path": path, "error": error} for path, error in self.broken],
            "classes": {
                name: {"num_videos": int(count), metric.replace(" ", "_"): _known(value)}
                for name, count, value in classes
            },
            "class_names": list(self.class_names),
            "confusion": None if self.is_multi_label else self.confusion.tolist(),
            "videos": [self._video_json(i) for i in range(self.num_videos)],
        }
        if (scores := self.at_thresholds) is not None:
            values["mean_f1"] = _known(nanmean(scores.f1))
            columns = {"threshold": self.thresholds or (), **scores._asdict()}
            for k, name in enumerate(self.class_names):
                values["classes"][name] |= {key: _known(v[k]) for key, v in columns.items()}
        return json.dumps(values, indent=1, allow_nan=False) + "\n"

    def _video_json(self, i: int) -> dict[str, Any]:
        label = int(self.labels[i])
        entry: dict[str, Any] = {"path": self.paths[i]}
        if self.windows is not None:
            entry["start"], entry["end"] = self.windows[i]
        entry["label"] = self.class_names[label] if label >= 0 else None
        if self.is_multi_label:
            entry["labels"] = self.true_labels(i)
        entry["predicted"] = self.class_names[self.predicted[i]]
        entry["probabilities"] = [round(float(value), 6) for value in self.probabilities[i]]
        return entry


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval_json(interval: Interval | None, resamples: int) -> dict[str, float] | None:
    return interval and {**interval._asdict(), "confidence": CONFIDENCE, "resamples": resamples}
