"""Figures that say how good predictions are, and how sure that is. Arrays in, numbers out.

Letters: V videos, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multilabel_average_precision

NUM_BINS = 15
NUM_RESAMPLES = 1000
# Mean average precision sorts nothing anew, but still goes through all of (V, K) each time.
NUM_RANKING_RESAMPLES = 200
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A figure lies between these, with the confidence that was asked for."""

    low: float
    high: float


class CalibrationBins(NamedTuple):
    """Videos by how sure the prediction was: bin b is ``(b / bins, (b + 1) / bins]``.

    Attributes:
        counts: videos, int64 ``(bins,)``.
        confidence: mean probability of the predicted class; nan in an empty bin.
        accuracy: part that was right; nan likewise.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error, see :func:`calibration`."""
        filled = self.counts > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((self.counts[filled] * gaps).sum() / self.counts.sum())


def calibration(
    confidence: NDArray[np.float32], is_right: NDArray[np.bool_], num_bins: int = NUM_BINS
) -> CalibrationBins:
    """Whether of the videos predicted with 70 % some 70 % are right.

    The expected calibration error is the mean, over videos, of the distance between accuracy and
    mean confidence in the video's bin: ``sum_b n_b / V * |accuracy_b - confidence_b|``, with bins
    of equal width. 0 is best; it says nothing about how many are right.

    Args:
        confidence: probability of the predicted class, ``(V,)``, at least one.
        is_right: ``(V,)``.
        num_bins: number of bins.

    Example:
        Two videos predicted with 0.9, one of them right: |0.5 - 0.9|.

        >>> bins = calibration(np.float32([0.9, 0.9]), np.array([True, False]))
        >>> round(bins.error, 6)
        0.4
    """
    places = np.ceil(confidence.astype(np.float64) * num_bins).astype(np.int64) - 1
    places = places.clip(0, num_bins - 1)
    counts = np.bincount(places, minlength=num_bins)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(places, values, minlength=num_bins)
        nothing = np.full(num_bins, np.nan)
        return np.asarray(np.divide(sums, counts, out=nothing, where=counts > 0))

    return CalibrationBins(
        counts, mean(confidence.astype(np.float64)), mean(is_right.astype(np.float64))
    )


def bootstrap_mean(values: NDArray[np.float64], *, seed: int = 0) -> Interval:
    """Where the mean of such values lies, with a confidence of 95 %.

    Videos are drawn again, with replacement, 1000 times; the interval holds the middle 95 % of
    the means. It speaks of other videos of the same kind, not of other training runs.

    Args:
        values: one a video, ``(V,)``: 1 where it is right, else 0; or a difference of such.
        seed: of the draws.

    Example:
        >>> bootstrap_mean(np.ones(10))
        Interval(low=1.0, high=1.0)
    """

    def mean(weights: NDArray[np.int64]) -> float:
        return float((weights * values).mean())

    return _interval(mean, len(values), NUM_RESAMPLES, seed)


def average_precisions(
    probabilities: NDArray[np.float32], targets: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Average precision of each class, ``(K,)``; nan for a class without videos.

    The videos sorted by a class's probability: the mean, over the class's own videos, of the part
    of its own among those up to there.

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
    """Mean average precision of the same predictions, with videos counted several times or never.

    Args:
        probabilities: ``(V, K)``.
        targets: ``(V, K)``.
    """

    def __init__(self, probabilities: NDArray[np.float32], targets: NDArray[np.bool_]) -> None:
        self._order = np.argsort(-probabilities, axis=0, kind="stable")
        self._targets = np.take_along_axis(targets, self._order, axis=0)

    def mean_average_precision(self, weights: NDArray[np.int64]) -> float:
        """The figure where video i counts ``weights[i]`` times; nan if no class is left."""
        counted = weights[self._order]
        hits = counted * self._targets
        precision = hits.cumsum(axis=0) / np.maximum(counted.cumsum(axis=0), 1)
        totals = hits.sum(axis=0)
        sums = (hits * precision).sum(axis=0)[totals > 0]
        return float((sums / totals[totals > 0]).mean()) if len(sums) else float("nan")


def bootstrap_map(ranking: Ranking, num_videos: int, *, seed: int = 0) -> Interval:
    """Where the mean average precision lies, as :func:`bootstrap_mean`, of 200 draws."""
    figure = ranking.mean_average_precision
    return _interval(figure, num_videos, NUM_RANKING_RESAMPLES, seed)


def bootstrap_map_difference(
    ranking: Ranking, other: Ranking, num_videos: int, *, seed: int = 0
) -> Interval:
    """Where the first's figure less the other's lies: both are drawn the same videos."""

    def difference(weights: NDArray[np.int64]) -> float:
        return ranking.mean_average_precision(weights) - other.mean_average_precision(weights)

    return _interval(difference, num_videos, NUM_RANKING_RESAMPLES, seed)


def mcnemar(only_first: int, only_second: int) -> float:
    """Probability of so uneven a split, or a more uneven one, if both were equally good.

    McNemar's test in its exact form: of the videos that just one of two recognizers gets right,
    each falls to either with one half.

    Args:
        only_first: videos that only the first gets right.
        only_second: videos that only the second gets right.

    Example:
        >>> mcnemar(0, 5)  # 2 / 2**5
        0.0625
    """
    number = only_first + only_second
    # In whole numbers: both grow far beyond what a float can hold.
    ways, tail = 1, 0
    for i in range(min(only_first, only_second) + 1):
        tail += ways
        ways = ways * (number - i) // (i + 1)
    return min(float(2 * tail / 2**number), 1.0)


def _interval(
    figure: Callable[[NDArray[np.int64]], float], num_videos: int, num_resamples: int, seed: int
) -> Interval:
    rng = np.random.default_rng(seed)
    values = np.empty(num_resamples)
    for i in range(num_resamples):
        drawn = rng.integers(num_videos, size=num_videos)
        values[i] = figure(np.bincount(drawn, minlength=num_videos))
    edge = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [edge, 1 - edge])
    return Interval(float(low), float(high))
