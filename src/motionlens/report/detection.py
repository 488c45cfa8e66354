"""How well found events agree with annotated ones: average precision at temporal IoU.

The rule of ActivityNet. For each class the events of all videos are taken in the order of their
scores. Each is right if, of the annotated actions of its video and class that no event before it
has taken, one overlaps it with an IoU of at least the threshold; it takes the one with the
greatest. Precision is made falling from the right, and the average precision is the area below it
over recall.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motionlens.report.event import Event

IOU_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)


def temporal_iou(one: Event, other: Event) -> float:
    """Length of what two events share over the length of what they cover together.

    Example:
        >>> wave = [Event(label="wave", start_s=s, end_s=s + 2, confidence=1) for s in (0, 1)]
        >>> round(temporal_iou(*wave), 3)
        0.333
    """
    shared = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    if shared <= 0:
        return 0.0
    return shared / (one.duration_s + other.duration_s - shared)


def by_score(events: Sequence[Event]) -> list[Event]:
    """The surest first; of equally sure ones in their own order."""
    return sorted(events, key=lambda event: -event.confidence)


def match(found: Sequence[Event], truth: Sequence[Event], iou: float) -> NDArray[np.bool_]:
    """Which events of one video and class are right.

    Args:
        found: in the order of their scores.
        truth: the annotated actions, in any order; of equal overlaps the first is taken.
        iou: least temporal IoU, above 0.

    Returns:
        bool ``(len(found),)``.
    """
    free = list(truth)
    hits = np.zeros(len(found), dtype=np.bool_)
    for number, event in enumerate(found):
        best = max(free, key=lambda action: temporal_iou(event, action), default=None)
        if best is not None and temporal_iou(event, best) >= iou:
            hits[number] = True
            free.remove(best)
    return hits


def average_precision(hits: NDArray[np.bool_], num_truth: int) -> float:
    """Area below the interpolated precision over recall; nan if there is nothing to find.

    Args:
        hits: which events are right, in the order of their scores.
        num_truth: number of annotated actions.

    Example:
        Precision 1, 1/2, 2/3 at the recalls 1/2, 1/2 and 1:

        >>> round(average_precision(np.array([True, False, True]), 2), 4)
        0.8333
    """
    if not num_truth:
        return float("nan")
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    # Recall rises by the same step at each right event.
    return float(falling[hits].sum() / num_truth)
