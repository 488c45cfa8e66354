"""Metrics of predictions, and how certain they are. Arrays in, numbers out.

Letters: V videos, K classes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_accuracy, multilabel_average_precision

NUM_RESAMPLES = 1000
# Each resample of mean average precision goes through all of (V, K).
NUM_RANKING_RESAMPLES = 200
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Bounds of a metric at the confidence :data:`CONFIDENCE`."""

    low: float
    high: float


def accuracy(probabilities: NDArray[np.float32], labels: NDArray[np.int64], top: int) -> float:
    """Share of the videos whose true class is among the ``top`` most probable ones.

    Args:
        probabilities: ``(V, K)``.
        labels: true classes, ``(V,)``.
        top: at most K.
    """
    num_classes = probabilities.shape[1]
    if num_classes == 1:  # torchmetrics wants two
        return 1.0
    return float(
        multiclass_accuracy(
            torch.from_numpy(probabilities),
            torch.from_numpy(labels),
            num_classes=num_classes,
            average="micro",
            top_k=top,
        )
    )


def nanmean(values: NDArray[np.float64]) -> float:
    """Mean of the values that are numbers; nan if none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def bootstrap_mean(values: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """95 % interval of a mean over videos, from 1000 bootstrap resamples of the videos.

    It covers the choice of videos, not the choice of a training run.

    Args:
        values: one per video, ``(V,)``: 1 if it is right, else 0; or a difference of two such.
        seed: of the resampling.

    Example:
        >>> bootstrap_mean(np.ones(10))
        Interval(low=1.0, high=1.0)
    """

    def mean(weights: NDArray[np.int64]) -> float:
        return float((weights * values).mean())

    return bootstrap(mean, len(values), NUM_RESAMPLES, seed)


def average_precisions(
    probabilities: NDArray[np.float32], targets: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Average precision of each class, ``(K,)``; nan for a class without videos.

    The videos are sorted by the probability of a class. Its average precision is the mean, over
    its own videos, of the precision at their rank.

    Args:
        probabilities: ``(V, K)``.
        targets: ``(V, K)``.
    """
    found = np.full(targets.shape[1], np.nan)
    has_videos = np.flatnonzero(targets.any(axis=0))
    if len(has_videos):
        chosen = torch.from_numpy(np.ascontiguousarray(probabilities[:, has_videos]))
        wanted = torch.from_numpy(np.ascontiguousarray(targets[:, has_videos])).long()
        # torchmetrics wants two labels.
        if len(has_videos) == 1:
            chosen, wanted = chosen.repeat(1, 2), wanted.repeat(1, 2)
        values = multilabel_average_precision(chosen, wanted, chosen.shape[1], average="none")
        found[has_videos] = values[: len(has_videos)].double().numpy()
    return found


class Ranking:
    """Mean average precision of one set of predictions under many weightings of its videos.

    The order of the videos per class is computed once.

    Args:
        probabilities: ``(V, K)``.
        targets: ``(V, K)``.
    """

    def __init__(self, probabilities: NDArray[np.float32], targets: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-probabilities, axis=0, kind="stable")
        self._targets = np.take_along_axis(targets, self._order, axis=0)
        self.num_videos = len(targets)

    def mean_average_precision(self, weights: NDArray[np.int64]) -> float:
        """The metric if video i counts ``weights[i]`` times; nan if no class has a video then."""
        counted = weights[self._order]
        hits = counted * self._targets
        precision = hits.cumsum(axis=0) / np.maximum(counted.cumsum(axis=0), 1)
        totals = hits.sum(axis=0)
        sums = (hits * precision).sum(axis=0)[totals > 0]
        return float((sums / totals[totals > 0]).mean()) if len(sums) else float("nan")


def bootstrap_map(ranking: Ranking, *, seed: int = 0) -> Interval:
    """95 % interval of mean average precision, from 200 bootstrap resamples of the videos."""
    return bootstrap(
        ranking.mean_average_precision, ranking.num_videos, NUM_RANKING_RESAMPLES, seed
    )


def bootstrap_map_difference(first: Ranking, second: Ranking, *, seed: int = 0) -> Interval:
    """95 % interval of the first's mean average precision less the second's, on the same videos."""

    def difference(weights: NDArray[np.int64]) -> float:
        return first.mean_average_precision(weights) - second.mean_average_precision(weights)

    return bootstrap(difference, first.num_videos, NUM_RANKING_RESAMPLES, seed)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test.

    Under the null hypothesis each video that only one of two recognizers gets right is equally
    likely to be either's.

    Args:
        only_first: videos that only the first recognizer gets right.
        only_second: videos that only the second gets right.

    Example:
        >>> mcnemar(0, 5)  # 2 / 2**5
        0.0625
    """
    number = only_first + only_second
    # In integers, since both terms grow beyond the range of a float; each from the one before it.
    tail = term = 1
    for i in range(min(only_first, only_second)):
        term = term * (number - i) // (i + 1)
        tail += term
    return min(float(2 * tail / 2**number), 1.0)


def bootstrap(
    metric: Callable[[NDArray[np.int64]], float], num_videos: int, num_resamples: int, seed: int
) -> Interval:
    """Percentile interval of a metric, given how often each of the resampled videos counts."""
    rng = np.random.default_rng(seed)
    values = np.empty(num_resamples)
    for i in range(num_resamples):
        drawn = rng.integers(num_videos, size=num_videos)
        values[i] = metric(np.bincount(drawn, minlength=num_videos))
    edge = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [edge, 1 - edge])
    return Interval(float(low), float(high))
