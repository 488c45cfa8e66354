"""How far probabilities can be trusted, and what makes them more so. Arrays in, numbers out.

Letters: V videos, K classes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15
# A temperature outside says that something else is wrong.
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.1, 10.0
# Below it, a probability counts as this: float32 has none between it and 0 that is exact enough.
_LEAST_PROBABILITY = 1e-12


class CalibrationBins(NamedTuple):
    """Videos by the probability of their prediction: bin b is ``(b / bins, (b + 1) / bins]``.

    Attributes:
        counts: videos, int64 ``(bins,)``.
        confidence: mean probability of the predicted class; nan in an empty bin.
        accuracy: share of right predictions; nan in an empty bin.
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
    """Accuracy by confidence: about 70 % of the videos predicted with 70 % should be right.

    The expected calibration error is ``sum_b n_b / V * |accuracy_b - confidence_b|``, over bins of
    equal width. 0 is best. It does not depend on how many predictions are right.

    Args:
        confidence: probability of the predicted class, ``(V,)``, at least one.
        is_right: ``(V,)``.
        num_bins: number of bins.

    Example:
        Two videos are predicted with 0.9, and one of them is right: |0.5 - 0.9|.

        >>> bins = calibration(np.float32([0.9, 0.9]), np.array([True, False]))
        >>> round(bins.error, 6)
        0.4
    """
    places = np.ceil(confidence.astype(np.float64) * num_bins).astype(np.int64) - 1
    places = places.clip(0, num_bins - 1)
    counts = np.bincount(places, minlength=num_bins)

    with np.errstate(invalid="ignore"):
        confidences, accuracies = (
            np.bincount(places, values.astype(np.float64), minlength=num_bins) / counts
            for values in (confidence, is_right)
        )
    return CalibrationBins(counts, confidences, accuracies)


def log_losses(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Negative log-likelihood of each video's true class, nats, ``(V,)``; 0 is best.

    Args:
        probabilities: ``(V, K)``, rows sum to 1.
        labels: true classes, ``(V,)``.

    Example:
        >>> log_losses(np.float32([[1, 0], [0.5, 0.5]]), np.array([0, 1])).round(3)
        array([0.   , 0.693])
    """
    return -_logarithms(probabilities)[np.arange(len(labels)), labels] + 0.0


def brier_scores(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Squared distance of each video's probabilities from the truth, ``(V,)`` in 0 to 2; 0 is best.

    ``sum_k (p_k - [k is true])^2``, as Brier defined it for several classes (1950).

    Args:
        probabilities: ``(V, K)``, rows sum to 1.
        labels: true classes, ``(V,)``.

    Example:
        >>> brier_scores(np.float32([[1, 0], [0.5, 0.5]]), np.array([0, 1]))
        array([0. , 0.5])
    """
    truth = np.eye(probabilities.shape[1])[labels]
    return np.asarray(np.square(probabilities.astype(np.float64) - truth).sum(axis=1))


def fit_temperature(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """What to divide logits by for the least negative log-likelihood of the true classes.

    Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 4.2. The most
    probable class stays the same.

    Args:
        probabilities: ``(V, K)`` at a temperature of 1, rows sum to 1.
        labels: true classes, ``(V,)``, at least one.

    Returns:
        In 0.1 to 10: above 1 if the probabilities are too certain.

    Example:
        Predictions with 0.9, of which four of five are right, become predictions with 0.8.

        >>> p = np.array([[0.9, 0.1]] * 5)
        >>> temperature = fit_temperature(p, np.array([0, 0, 0, 0, 1]))
        >>> at_temperature(p, temperature)[0].round(3)
        array([0.8, 0.2])
    """
    logits = _logarithms(probabilities)
    true = logits[np.arange(len(labels)), labels]
    # The loss is convex in the inverse temperature, so that its slope has one zero at most.
    low, high = 1 / MOST_TEMPERATURE, 1 / LEAST_TEMPERATURE
    for _ in range(60):
        inverse = (low + high) / 2
        slope = ((_softmax(inverse * logits) * logits).sum(axis=1) - true).mean()
        low, high = (inverse, high) if slope < 0 else (low, inverse)
    return 2 / (low + high)


def at_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Probabilities ``(V, K)`` of a temperature of 1 at another one."""
    return _softmax(_logarithms(probabilities) / temperature)


def refusal_threshold(confidence: NDArray[np.floating], share: float) -> float:
    """The probability of a prediction below which ``share`` of the videos lie, at most.

    Args:
        confidence: probability of the predicted class, ``(V,)``, at least one.
        share: in 0 to 1.

    Example:
        >>> refusal_threshold(np.array([0.4, 0.6, 0.8, 0.9]), 0.25)
        0.6
    """
    ranked = np.sort(confidence.astype(np.float64))
    return float(ranked[min(int(share * len(ranked)), len(ranked) - 1)])


def _logarithms(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.log(probabilities.astype(np.float64).clip(_LEAST_PROBABILITY)))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
