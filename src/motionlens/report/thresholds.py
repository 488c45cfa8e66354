"""From which probability on a label is said to be shown, where videos may show several."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Of a class that no video shows, from which nothing can be chosen.
DEFAULT_THRESHOLD = 0.5


def choose_thresholds(
    probabilities: NDArray[np.float32], targets: NDArray[np.bool_]
) -> tuple[float, ...]:
    """The threshold of each class with the best F1 on some videos.

    It lies halfway between two probabilities that occur, or below the least. Of equally good ones
    the highest counts.

    Args:
        probabilities: ``(V, K)``.
        targets: ``(V, K)``.

    Returns:
        One for each class; 0.5 for a class without videos.

    Example:
        >>> targets = np.array([[True], [True], [False]])
        >>> choose_thresholds(np.float32([[0.75], [0.25], [0.125]]), targets)
        (0.1875,)
    """
    return tuple(
        _best_threshold(probabilities[:, k].astype(np.float64), targets[:, k])
        for k in range(targets.shape[1])
    )


def _best_threshold(probabilities: NDArray[np.float64], target: NDArray[np.bool_]) -> float:
    if not target.any():
        return DEFAULT_THRESHOLD
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], target[order].cumsum()
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + target.sum())
    # Between equal probabilities no threshold fits.
    below = np.append(ranked[1:], 0.0)
    f1[:-1][ranked[:-1] == ranked[1:]] = -1
    best = int(f1.argmax())
    return float((ranked[best] + below[best]) / 2)


class ThresholdScores(NamedTuple):
    """How right it is to say that videos show a class from its threshold on, each ``(K,)``.

    Attributes:
        precision: share of the videos said to show a class that show it; nan if there are none.
        recall: share of the videos that show a class that are said to; nan if there are none.
        f1: their harmonic mean; nan for a class without videos.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]


def threshold_scores(
    probabilities: NDArray[np.float32], targets: NDArray[np.bool_], thresholds: tuple[float, ...]
) -> ThresholdScores:
    """Precision, recall and F1 of each class at its threshold.

    Args:
        probabilities: ``(V, K)``.
        targets: ``(V, K)``.
        thresholds: K; a label is shown from its threshold on.

    Example:
        >>> targets = np.array([[True], [False]])
        >>> scores = threshold_scores(np.float32([[0.9], [0.8]]), targets, (0.5,))
        >>> [float(values[0]) for values in scores]
        [0.5, 1.0, 0.6666666666666666]
    """
    shown = probabilities.astype(np.float64) >= np.array(thresholds)
    hits, said, true = ((shown & targets).sum(axis=0), shown.sum(axis=0), targets.sum(axis=0))
    with np.errstate(invalid="ignore"):
        f1 = np.where(true > 0, 2 * hits / (said + true), np.nan)
        return ThresholdScores(hits / said, hits / true, f1)
