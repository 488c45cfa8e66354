"""Probabilities of windows -> events: a label, from when, to when. Numbers only; nothing is read.

Smoothed over time, each label begins where it rises to one threshold and ends where it falls below
a lower one, so that it does not flicker.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlens._utils.errors import nearest

if TYPE_CHECKING:
    from motionlens.inference.streaming.windows import Window

Smoothing = Literal["exponential", "median", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that a stream shows for a while.

    Attributes:
        label: its name.
        start_s: when it begins, seconds since the source's first frame.
        end_s: when it ends.
        confidence: mean of the label's smoothed probability over the windows of the event.
    """

    label: str
    start_s: float
    end_s: float
    confidence: float

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRules:
    """How events are made.

    Attributes:
        on: smoothed probability from which on a label begins.
        off: below which it ends, at most ``on``.
        smoothing: ``"exponential"``, the mean of the past, the older the less; ``"median"`` of the
            last windows; or ``"none"``.
        smoothing_s: after so many seconds the exponential mean has come 63 % nearer to a new
            value; the median is of the windows of so many seconds. Both make events late, the
            median by half of it.
        min_duration_s: shorter events are left out.
        merge_gap_s: events of one label that are no farther apart become one; an event is known
            only so much later.
        background: labels that make no events.

    Raises:
        ValueError: If a value is out of its range.
    """

    on: float = 0.6
    off: float = 0.4
    smoothing: Smoothing = "exponential"
    smoothing_s: float = 0.5
    min_duration_s: float = 0.0
    merge_gap_s: float = 0.0
    background: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.off <= self.on <= 1:
            raise ValueError(
                f"thresholds must be 0 < off <= on <= 1, got off {self.off} and on {self.on}"
            )
        if self.smoothing not in get_args(Smoothing):
            raise ValueError(
                f"smoothing must be one of {', '.join(get_args(Smoothing))}, got {self.smoothing!r}"
            )
        for name in ("smoothing_s", "min_duration_s", "merge_gap_s"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be seconds of at least 0, got {value}")


class EventDetector:
    """Makes events of windows as they come; keeps as much however long the stream is.

    A window stands for the time around its middle, half of the way to the windows beside it: one
    that is half filled by a motion gives it half of the probability. The first window, and the
    last, stand for the time before and behind them too.

    Args:
        class_names: in the order of the probabilities.
        rules: how events are made.

    Raises:
        ValueError: If a background label is none of the names.

    Example:
        >>> detector = EventDetector(["wave", "rest"], EventRules(smoothing="none"))
        >>> found = []
        >>> for start, wave in enumerate([0.1, 0.9, 0.5, 0.2]):
        ...     found += detector.update(start, start + 1, [wave, 0.0])
        >>> found  # from between the middles 0.5 and 1.5 to between 2.5 and 3.5
        [Event(label='wave', start_s=1.0, end_s=3.0, confidence=0.7)]
    """

    def __init__(self, class_names: Sequence[str], rules: EventRules | None = None) -> None:
        self.class_names = tuple(class_names)
        self.rules = rules or EventRules()
        for name in self.rules.background:
            if name not in self.class_names:
                raise ValueError(
                    f"background must be labels of the recognizer, got {name!r}"
                    f"{nearest(name, self.class_names)}"
                )
        self._smoother = _Smoother(self.rules)
        self._open: dict[int, _Stretch] = {}
        self._held: dict[int, _Stretch] = {}
        self._last: tuple[float, float] | None = None  # middle and end of the last window

    def update(
        self, start_s: float, end_s: float, probabilities: ArrayLike, *, after_gap: bool = False
    ) -> list[Event]:
        """Take the next window.

        Args:
            start_s: when it begins, later than the one before.
            end_s: when it ends.
            probabilities: ``(num_classes,)``, in 0 to 1.
            after_gap: nothing is known of the time right before it.

        Returns:
            The events that are over, in the order of their beginnings.

        Raises:
            ValueError: For another shape or a value that is no probability.
        """
        values = self._checked(probabilities)
        middle = (start_s + end_s) / 2
        found: list[Event] = []
        if after_gap and self._last is not None:
            self._close(list(self._open), self._last[1])
            self._last = None
            self._smoother.reset()
        since = start_s if self._last is None else (self._last[0] + middle) / 2
        smoothed = self._smoother.update(middle, values)
        self._close([i for i in self._open if smoothed[i] < self.rules.off], since)
        for i in np.flatnonzero(smoothed >= self.rules.on).tolist():
            if i not in self._open and self.class_names[i] not in self.rules.background:
                found += self._begin(i, since)
        for i, stretch in self._open.items():
            stretch.add(float(smoothed[i]))
        self._last = (middle, end_s)
        return _sorted(found + self._let_go(since))

    def take(self, window: Window) -> list[Event]:
        """The next window of a stream; see :meth:`update`."""
        return self.update(
            window.start_s,
            window.end_s,
            window.probabilities.numpy(),
            after_gap=window.after_gap,
        )

    def finish(self) -> list[Event]:
        """The stream is over: the events that were not, ended with the last window."""
        if self._last is not None:
            self._close(list(self._open), self._last[1])
        return _sorted(self._let_go(math.inf))

    def _checked(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        values = np.asarray(probabilities, dtype=np.float64)
        if values.shape != (len(self.class_names),):
            raise ValueError(
                f"probabilities must have shape ({len(self.class_names)},), got {values.shape}"
            )
        if not ((values >= 0) & (values <= 1 + 1e-6)).all():
            raise ValueError(f"probabilities must lie in 0..1, got {values.tolist()}")
        return values

    def _begin(self, label: int, start_s: float) -> list[Event]:
        """Open an event, or open the last one again if that ended a moment ago."""
        held = self._held.pop(label, None)
        if held is not None and start_s - held.end_s <= self.rules.merge_gap_s:
            self._open[label] = held
            return []
        self._open[label] = _Stretch(start_s)
        return [] if held is None else self._events(label, held)

    def _close(self, labels: list[int], end_s: float) -> None:
        for label in labels:
            stretch = self._open.pop(label)
            stretch.end_s = end_s
            self._held[label] = stretch

    def _let_go(self, now_s: float) -> list[Event]:
        """The ended events that no later one can be merged into."""
        over = [i for i, e in self._held.items() if now_s - e.end_s >= self.rules.merge_gap_s]
        return [event for i in over for event in self._events(i, self._held.pop(i))]

    def _events(self, label: int, stretch: _Stretch) -> list[Event]:
        if stretch.end_s - stretch.start_s < self.rules.min_duration_s:
            return []
        return [
            Event(
                label=self.class_names[label],
                start_s=stretch.start_s,
                end_s=stretch.end_s,
                confidence=stretch.total / stretch.number,
            )
        ]


@dataclass
class _Stretch:
    """Windows in which a label is on."""

    start_s: float
    end_s: float = math.nan
    total: float = 0.0
    number: int = 0

    def add(self, probability: float) -> None:
        self.total += probability
        self.number += 1


@dataclass
class _Smoother:
    """Probabilities over time, smoothed."""

    rules: EventRules
    _mean: NDArray[np.float64] | None = None
    _last_s: float = 0.0
    _recent: deque[tuple[float, NDArray[np.float64]]] = field(default_factory=deque)

    def reset(self) -> None:
        self._mean = None
        self._recent.clear()

    def update(self, time_s: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
        reach_s = self.rules.smoothing_s
        if self.rules.smoothing == "none" or reach_s == 0:
            return values
        if self.rules.smoothing == "exponential":
            if self._mean is None:
                self._mean = values
            part = 1 - math.exp(-(time_s - self._last_s) / reach_s)
            self._mean = self._mean + part * (values - self._mean)
            self._last_s = time_s
            return self._mean
        self._recent.append((time_s, values))
        while self._recent[0][0] <= time_s - reach_s:
            self._recent.popleft()
        return np.asarray(np.median([row for _, row in self._recent], axis=0))


def _sorted(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.start_s, event.label))
