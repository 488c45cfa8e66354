"""When the frames of a video are shown: which one is nearest to a time, and where time has gaps."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

# Containers round time stamps to a millisecond. A time this much past the middle between two
# frames counts as the middle, so that rounding does not decide which of them is taken; a little
# more than a millisecond, because whole ones would be ties of their own.
TIE_S = 1.013e-3
# Frames further apart than this, and than this many mean intervals, have a gap between them.
_GAP_S, _GAP_INTERVALS = 1.0, 10.0


class Timed(Protocol):
    """Anything with frames at known times: every video reader, and :class:`Timeline`."""

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Of each frame, float64 ``(n,)``, ascending, seconds."""

    @property
    def fps(self) -> float:
        """Frames per second, on average."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """The times of a video's frames without the frames.

    Attributes:
        times_s: float64 ``(n,)``, ascending, seconds.
        fps: frames per second, on average.
    """

    times_s: NDArray[np.float64]
    fps: float


def nearest_frames(
    times_s: NDArray[np.float64], wanted_s: NDArray[np.float64], tie_s: float = TIE_S
) -> NDArray[np.int64]:
    """The frame nearest to each time; of two that are equally near, the earlier.

    Args:
        times_s: float64 ``(n,)``, ascending, of the frames.
        wanted_s: float64, any shape.
        tie_s: how far past the middle between two frames a time still counts as the middle.

    Returns:
        int64, the shape of ``wanted_s``, indices in ``0..n - 1``.

    Example:
        >>> nearest_frames(np.array([0.0, 0.04, 0.08]), np.array([-1.0, 0.02, 0.03, 5.0])).tolist()
        [0, 0, 1, 2]
    """
    middles = (times_s[1:] + times_s[:-1]) / 2 + tie_s
    return np.searchsorted(middles, wanted_s, side="left").astype(np.int64)


def longest_interval_s(fps: float) -> float:
    """The longest time between two frames that is no gap, of a video with that mean rate.

    Example:
        >>> longest_interval_s(25.0), longest_interval_s(0.5)
        (1.0, 20.0)
    """
    return max(_GAP_S, _GAP_INTERVALS / fps)


def unbroken_runs(video: Timed) -> list[slice]:
    """The stretches of a video without a gap, as slices of its frames, in their order.

    Example:
        >>> unbroken_runs(Timeline(np.array([0.0, 0.1, 5.0, 5.1, 5.2]), 10.0))
        [slice(0, 2, None), slice(2, 5, None)]
    """
    breaks = np.flatnonzero(np.diff(video.times_s) > longest_interval_s(video.fps)) + 1
    edges = [0, *breaks.tolist(), len(video.times_s)]
    return [slice(first, stop) for first, stop in pairwise(edges)]


class Run(NamedTuple):
    """Frames without a gap between them.

    Attributes:
        first: index of the first.
        times_s: float64 ``(n,)``, since the first.
        interval_s: from one to the next on average.
    """

    first: int
    times_s: NDArray[np.float64]
    interval_s: float

    @property
    def duration_s(self) -> float:
        """For how long they are shown: the last for as long as the others on average."""
        return float(self.times_s[-1]) + self.interval_s

    def has_room_for(self, num_frames: int, step_s: float) -> bool:
        """Whether a clip fits, but for half of its last part, which a stream does not await."""
        end_s = max(self.duration_s, float(self.times_s[-1]) + step_s / 2)
        return end_s >= num_frames * step_s - TIE_S


def timed_runs(video: int | Timed) -> list[Run]:
    """The unbroken stretches of a video.

    Raises:
        ValueError: If only the number of frames is given.
    """
    if isinstance(video, int | np.integer):
        raise ValueError(
            "times of the frames must be given, because the clip is counted in seconds, got the "
            "number of frames alone; give a reader or a Timeline"
        )
    found = []
    for run in unbroken_runs(video):
        times_s = video.times_s[run] - video.times_s[run.start]
        intervals = len(times_s) - 1
        interval_s = float(times_s[-1]) / intervals if intervals else 1 / video.fps
        found.append(Run(run.start, times_s, interval_s))
    return found
