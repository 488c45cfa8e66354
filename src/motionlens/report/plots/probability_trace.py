"""The probabilities of a whole stream in a bounded number of values, for pictures."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlens.report.event import Window


class ProbabilityTrace:
    """The greatest probability of each label in time bins of equal length.

    When the bins are used up, each two become one of twice the length.

    Args:
        num_classes: K.
        max_pieces: number of bins, even.
        piece_s: initial length of a bin, seconds.

    Example:
        >>> trace = ProbabilityTrace(1, max_pieces=2, piece_s=1.0)
        >>> for second in range(3):
        ...     trace.add(second, second + 0.5, [second / 4])
        >>> trace.piece_s, trace.values.tolist()
        (2.0, [[0.25], [0.5]])
    """

    def __init__(self, num_classes: int, *, max_pieces: int = 1200, piece_s: float = 0.05) -> None:
        self.piece_s = piece_s
        self._rows = np.full((max_pieces, num_classes), np.nan)
        self._used = 0
        # Middle of the last window, and until when its probabilities hold.
        self._last_s = self._held_s = 0.0

    @property
    def values(self) -> NDArray[np.float64]:
        """float64 ``(bins, K)`` from the stream's beginning; NaN where there was no window."""
        return self._rows[: self._used].copy()

    def add(self, start_s: float, end_s: float, probabilities: ArrayLike) -> None:
        """Add probabilities ``(K,)`` that hold from ``start_s`` to ``end_s``, both at least 0."""
        while (last := int(end_s / self.piece_s)) >= len(self._rows):
            pairs = self._rows.reshape(-1, 2, self._rows.shape[1])
            merged = np.fmax(pairs[:, 0], pairs[:, 1])
            self._rows = np.concatenate([merged, np.full_like(merged, np.nan)])
            self.piece_s *= 2
            self._used = -(-self._used // 2)
        pieces = slice(int(start_s / self.piece_s), last + 1)
        self._rows[pieces] = np.fmax(self._rows[pieces], probabilities)
        self._used = max(self._used, last + 1)

    def add_window(self, window: Window) -> None:
        """Add a window, which stands for the time around its middle, as it does for events."""
        middle_s = (window.start_s + window.end_s) / 2
        half_s = 0.0 if window.after_gap else (middle_s - self._last_s) / 2
        from_s = window.start_s if window.after_gap else self._held_s
        self._last_s, self._held_s = middle_s, middle_s + half_s
        self.add(from_s, self._held_s, window.probabilities.numpy())
