"""Which frames make clips, of a source whose frames come one after another."""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens.clips.sampling import Sampling
from motionlens.clips.timeline import TIE_S, longest_interval_s, nearest_frames


class ClipFrame(NamedTuple):
    """A frame of clips, with those that lead to it.

    Attributes:
        numbers: int64 ``(lead + 1,)``, of the frames, counted from the source's first; the last
            is the frame itself.
        after_gap: whether the time stamps have a gap before it, which no clip may go across.
    """

    numbers: NDArray[np.int64]
    after_gap: bool


class StreamSampling:
    """The clip frames of a source, each as soon as it is known.

    T clip frames in a row are a clip, by the rule of :class:`motionlens.clips.sampling.Sampling`.
    Counted in seconds, clip frame j is the one nearest to the middle of part j, of ``seconds / T``
    each; else it is frame ``j * frame_stride``. Behind a gap counting starts anew. The frames that
    may still be asked for are few, however long the source is.

    Args:
        sampling: the rule; its clips must have a length.
        fps: frames per second of the source, on average.

    Attributes:
        oldest: number of the oldest frame that may still be asked for.

    Example:
        >>> stream = StreamSampling(Sampling(4, seconds=0.8), fps=12.0)
        >>> [found.numbers.tolist() for n in range(9) for found in stream.push(n / 12)]
        [[1], [4], [6]]
    """

    def __init__(self, sampling: Sampling, fps: float) -> None:
        if sampling.spans_video:
            raise ValueError("clips of a stream must have a length; give it in seconds")
        self._fps, self._longest_s = fps, longest_interval_s(fps)
        # Frames are told apart by their times, or by their numbers if the clip counts them.
        self._by_time = sampling.step_s is not None
        self._step = sampling.step_s or float(sampling.frame_stride)
        if self._by_time:
            self._first, self._tie = self._step / 2, TIE_S
            self._lead = sampling.lead_s(self._step)
        else:
            self._first = self._tie = 0.0
            self._lead = np.arange(-sampling.lead, 1.0)
        self._kept: deque[float] = deque()
        self._origin = self._last_s = self._start_s = 0.0
        self._num_frames = self._num_in_run = self._num_wanted = 0
        self.oldest = 0
        self._after_gap = False

    def push(self, time_s: float) -> list[ClipFrame]:
        """Take the time of the next frame; returns the clip frames that are known with it."""
        number, self._num_frames = self._num_frames, self._num_frames + 1
        has_gap = number > 0 and time_s - self._last_s > self._longest_s
        found = self.finish() if has_gap else []
        if has_gap or not number:
            self._kept.clear()
            self.oldest, self._after_gap = number, has_gap
            self._num_in_run = self._num_wanted = 0
            self._start_s = time_s
            self._origin = time_s if self._by_time else float(number)
        self._last_s = time_s
        self._num_in_run += 1
        place = (time_s if self._by_time else float(number)) - self._origin
        self._kept.append(place)
        while (wanted := self._wanted())[-1] <= place + self._tie:
            found.append(self._take(wanted))
        while len(self._kept) > 1 and self._kept[1] <= wanted[0]:
            self._kept.popleft()
            self.oldest += 1
        return found

    def finish(self) -> list[ClipFrame]:
        """The clip frames that only the end of the source, or a gap, decides.

        The last frame is shown for as long as the others on average, and so long a clip may last.
        """
        found = []
        if self._by_time and self._num_in_run:
            length_s, intervals = self._last_s - self._start_s, self._num_in_run - 1
            duration_s = length_s + (length_s / intervals if intervals else 1 / self._fps)
            while (self._num_wanted + 1) * self._step <= duration_s + self._tie:
                found.append(self._take(self._wanted()))
        return found

    def _take(self, wanted: NDArray[np.float64]) -> ClipFrame:
        numbers = self.oldest + nearest_frames(np.array(self._kept), wanted, self._tie)
        taken = ClipFrame(numbers, self._after_gap)
        self._num_wanted += 1
        self._after_gap = False
        return taken

    def _wanted(self) -> NDArray[np.float64]:
        """Where the next clip frame and those that lead to it should lie."""
        return self._first + self._num_wanted * self._step + self._lead
