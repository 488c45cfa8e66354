"""From which probability on a label is said to be shown, where videos may show several."""

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


def f1_scores(
    probabilities: NDArray[np.float32], targets: NDArray[np.bool_], thresholds: tuple[float, ...]
) -> NDArray[np.float64]:
    """F1 of each class at its threshold, ``(K,)``; nan for a class without videos.

    Args:
        probabilities: ``(V, K)``.
        targets: ``(V, K)``.
        thresholds: K; a label is shown from its threshold on.
    """
    shown = probabilities.astype(np.float64) >= np.array(thresholds)
    hits = (shown & targets).sum(axis=0)
    with np.errstate(invalid="ignore"):
        f1 = 2 * hits / (shown.sum(axis=0) + targets.sum(axis=0))
    return np.where(targets.any(axis=0), f1, np.nan)
