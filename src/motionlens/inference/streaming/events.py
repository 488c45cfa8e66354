"""From the probabilities of windows to events. Works on numbers alone and reads no video.

Probabilities are smoothed over time. A label begins where it rises to one threshold and ends where
it falls below a lower one, so that it does not flicker.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motionlens._utils.checks import check_choice, check_number
from motionlens._utils.errors import nearest
from motionlens.inference.card import ModelCard
from motionlens.report.event import Event, Window

_ON, _OFF = 0.6, 0.4
Smoothing = Literal["exponential", "median", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRules:
    """How probabilities become events.

    Attributes:
        on: smoothed probability at which an event begins. By default 0.6; where a video may show
            several labels, each one's own threshold, if an evaluation has chosen them.
        off: smoothed probability below which it ends, at most ``on``. By default 0.4, and two
            thirds of a threshold of its own.
        smoothing: exponential moving average, median of the last windows, or none.
        smoothing_s: time constant of the exponential average (it covers 63 % of a step in that
            time), or length of the median's window, seconds. Smoothing delays events, the median
            by half of its window.
        min_duration_s: leave out shorter events, seconds.
        merge_gap_s: join events of one label with at most this gap, seconds. Events are reported
            that much later.
        background: labels that make no events, besides the recognizer's own background.

    Raises:
        ValueError: If a value is out of range.
    """

    on: float | None = None
    off: float | None = None
    smoothing: Smoothing = "exponential"
    smoothing_s: float = 0.5
    min_duration_s: float = 0.0
    merge_gap_s: float = 0.0
    background: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        on, off = self._limits()
        if not 0 < off <= on <= 1:
            raise ValueError(f"thresholds must be 0 < off <= on <= 1, got off {off} and on {on}")
        check_choice("smoothing", self.smoothing, get_args(Smoothing))
        for name in ("smoothing_s", "min_duration_s", "merge_gap_s"):
            check_number(name, getattr(self, name), least=0, below=math.inf)

    def _limits(self) -> tuple[float, float]:
        return (_ON if self.on is None else self.on), (_OFF if self.off is None else self.off)

    def limits(
        self, num_classes: int, thresholds: Sequence[float] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where an event of each label begins and where it ends, two of ``(num_classes,)``.

        Args:
            num_classes: K.
            thresholds: of the labels themselves, K; used where the rules say nothing.
        """
        on, off = (np.full(num_classes, limit) for limit in self._limits())
        if thresholds and self.on is None:
            on = np.array(thresholds, dtype=np.float64)
            off = np.minimum(on, off) if self.off is not None else on * (_OFF / _ON)
        return on, off


class EventDetector:
    """Turns windows into events as they come; its memory does not grow with the stream.

    A window stands for the time around its middle, half way to the windows beside it, because a
    motion that fills half of a window gives it about half of the probability. The first
    window also stands for the time from its first frame on, the last one up to its last frame.

    Args:
        class_names: in the order of the probabilities.
        rules: how probabilities become events.
        thresholds: from which probability each label is shown, as the model card has them for
            several labels per video; None for the same one for all.

    Attributes:
        on: smoothed probability at which an event of each label begins, ``(num_classes,)``.
        off: that below which it ends.

    Raises:
        ValueError: If there are not as many thresholds as names, or a background label is not one
            of the names.

    Example:
        >>> detector = EventDetector(["wave", "rest"], EventRules(smoothing="none"))
        >>> found = []
        >>> for start, wave in enumerate([0.1, 0.9, 0.5, 0.2]):
        ...     found += detector.update(start, start + 1, [wave, 0.0])
        >>> found  # from between the middles 0.5 and 1.5 to between 2.5 and 3.5
        [Event(label='wave', start_s=1.0, end_s=3.0, confidence=0.7)]
    """

    def __init__(
        self,
        class_names: Sequence[str],
        rules: EventRules | None = None,
        thresholds: Sequence[float] | None = None,
    ) -> None:
        self.class_names = tuple(class_names)
        self.rules = rules or EventRules()
        if thresholds and len(thresholds) != len(self.class_names):
            raise ValueError(
                f"thresholds must be {len(self.class_names)}, one per label, got {len(thresholds)}"
            )
        self.on, self.off = self.rules.limits(len(self.class_names), thresholds)
        for name in self.rules.background:
            if name not in self.class_names:
                raise ValueError(
                    f"background must be labels of the recognizer, got {name!r}"
                    f"{nearest(name, self.class_names)}"
                )
        self._smoother = _Smoother(self.rules)
        # By label: those that are on, and those that ended so late that they may go on.
        self._stretches: dict[int, _Stretch] = {}
        self._last: tuple[float, float] | None = None  # middle and end of the last window

    @classmethod
    def of_card(cls, card: ModelCard, rules: EventRules | None = None) -> EventDetector:
        """The detector of a recognizer: its background makes no events, its thresholds hold."""
        rules = rules or EventRules()
        if card.background and card.background not in rules.background:
            rules = replace(rules, background=(*rules.background, card.background))
        return cls(card.class_names, rules, card.thresholds)

    def update(
        self, start_s: float, end_s: float, probabilities: ArrayLike, *, after_gap: bool = False
    ) -> list[Event]:
        """Take the next window.

        Args:
            start_s: its beginning, seconds; later than that of the window before.
            end_s: its end.
            probabilities: ``(num_classes,)``, each in 0 to 1.
            after_gap: whether frames are missing before it.

        Returns:
            The events that are over, by their beginnings.

        Raises:
            ValueError: For another shape or a value that is not a probability.
        """
        values = self._checked(probabilities)
        middle_s = (start_s + end_s) / 2
        if after_gap:
            self._end_all()
            self._smoother = _Smoother(self.rules)
        since_s = start_s if self._last is None else (self._last[0] + middle_s) / 2
        smoothed = self._smoother.update(middle_s, values)
        for label, stretch in self._stretches.items():
            if stretch.end_s is None and smoothed[label] < self.off[label]:
                stretch.end_s = since_s
        found = []
        for label in np.flatnonzero(smoothed >= self.on).tolist():
            if self.class_names[label] in self.rules.background:
                continue
            stretch = self._stretches.setdefault(label, _Stretch(since_s))
            if stretch.end_s is not None and since_s - stretch.end_s > self.rules.merge_gap_s:
                found += self._events(label, stretch)
                stretch = self._stretches[label] = _Stretch(since_s)
            stretch.end_s = None
        for label, stretch in self._stretches.items():
            if stretch.end_s is None:
                stretch.total += float(smoothed[label])
                stretch.num_windows += 1
        self._last = (middle_s, end_s)
        return _sorted(found + self._let_go(since_s))

    def take(self, window: Window) -> list[Event]:
        """Take the next window of a stream; see :meth:`update`."""
        return self.update(
            window.start_s, window.end_s, window.probabilities.numpy(), after_gap=window.after_gap
        )

    def take_all(self, windows: Iterable[Window]) -> Iterator[Event]:
        """The events of a whole stream, each as soon as it is over."""
        for window in windows:
            yield from self.take(window)
        yield from self.finish()

    def finish(self) -> list[Event]:
        """Return the remaining events; those that are on end with the last window."""
        self._end_all()
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

    def _end_all(self) -> None:
        if self._last is not None:
            for stretch in self._stretches.values():
                if stretch.end_s is None:
                    stretch.end_s = self._last[1]
        self._last = None

    def _let_go(self, now_s: float) -> list[Event]:
        """The ended events that nothing can be merged with any more."""
        found = []
        for label, stretch in list(self._stretches.items()):
            if stretch.end_s is not None and now_s - stretch.end_s >= self.rules.merge_gap_s:
                found += self._events(label, self._stretches.pop(label))
        return found

    def _events(self, label: int, stretch: _Stretch) -> list[Event]:
        assert stretch.end_s is not None
        if stretch.end_s - stretch.start_s < self.rules.min_duration_s:
            return []
        return [
            Event(
                label=self.class_names[label],
                start_s=stretch.start_s,
                end_s=stretch.end_s,
                confidence=stretch.total / stretch.num_windows,
            )
        ]


@dataclass
class _Stretch:
    """Windows in which a label is on."""

    start_s: float
    end_s: float | None = None  # None while it is on
    total: float = 0.0
    num_windows: int = 0


@dataclass
class _Smoother:
    """Probabilities over time, smoothed."""

    rules: EventRules
    _mean: NDArray[np.float64] | None = None
    _last_s: float = 0.0
    _recent: deque[tuple[float, NDArray[np.float64]]] = field(default_factory=deque)

    def update(self, time_s: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
        reach_s = self.rules.smoothing_s
        if self.rules.smoothing == "none" or reach_s == 0:
            return values
        if self.rules.smoothing == "exponential":
            if self._mean is None:
                self._mean = values
            share = 1 - math.exp(-(time_s - self._last_s) / reach_s)
            self._mean = self._mean + share * (values - self._mean)
            self._last_s = time_s
            return self._mean
        self._recent.append((time_s, values))
        while self._recent[0][0] <= time_s - reach_s:
            self._recent.popleft()
        return np.asarray(np.median([row for _, row in self._recent], axis=0))


def _sorted(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.start_s, event.label))
