"""Which decoded frames are shown, and when, found out while a stream goes by.

What :mod:`motionlens.video.frame_index` finds out of a whole file, for sources that are never seen whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import av

from motionlens.video.file import CODECS_WITH_HIDDEN_FRAMES

# A clock that goes back by more has been set anew; by less, frames share a time or are misplaced.
_CLOCK_RESET_S = 1.0


class Clock:
    """Stamps -> seconds since the first frame, ascending whatever the stamps do.

    Args:
        stream: the decoder's.
        fps: frames per second, where stamps do not tell.
    """

    def __init__(self, stream: Any, fps: float) -> None:
        self._unit_s, self._step_s = float(stream.time_base), 1 / fps
        # AVI stores no times of presentation: once frames are reordered, FFmpeg guesses them.
        is_avi = stream.container.format.name == "avi"
        self._counts = bool(is_avi and stream.codec_context.has_b_frames)
        self._zero: int | None = None
        self._offset_s = 0.0
        self._last_s = -self._step_s

    @property
    def is_absolute(self) -> bool:
        """Whether a stamp alone tells the time, wherever one comes from."""
        return not self._counts and self._zero is not None

    def stamp(self, time_s: float) -> int:
        """The stamp of a time, once the first frame has been read."""
        assert self._zero is not None
        return self._zero + int(time_s / self._unit_s)

    def read(self, stamp: int | None) -> float:
        """The time of the next frame, by its stamp, or None if it has none."""
        time_s = next_s = self._last_s + self._step_s
        if stamp is not None and not self._counts:
            if self._zero is None:
                self._zero, self._offset_s = stamp, next_s
            time_s = self._offset_s + (stamp - self._zero) * self._unit_s
            if self._last_s - time_s > _CLOCK_RESET_S:
                self._zero, self._offset_s = stamp, next_s
            if time_s <= self._last_s:
                time_s = next_s
        self._last_s = time_s
        return time_s


class Order:
    """Which decoded frames are shown: by the packets, for some frames are hidden or do not come.

    Keeps as many stamps as a decoder keeps frames back.

    Args:
        stream: the decoder's.
        is_whole: nothing will have been passed over by seeking.

    Attributes:
        held: packets that are whole.
        replaced: frames that did not come out, and others stood in for.
        is_whole: nothing was passed over by seeking.
    """

    def __init__(self, stream: Any, *, is_whole: bool = True) -> None:
        self.is_whole = is_whole
        is_avi = stream.container.format.name == "avi"
        codec = stream.codec_context
        # Their packets' times are not those of frames that are shown: all that come out are.
        self._trusts = codec.name not in CODECS_WITH_HIDDEN_FRAMES and not (
            is_avi and codec.has_b_frames
        )
        self._shown: list[int] = []
        self._hidden: list[int] = []
        self._before: av.VideoFrame | None = None
        self.held = self.replaced = 0

    def expect(self, packet: Any) -> None:
        """Take note of a packet before it is decoded."""
        if not packet.size:
            return
        self.held += not packet.is_corrupt
        if packet.pts is None:  # nor can the others be told apart by their times
            self._trusts = False
            self._shown.clear()
        if self._trusts:
            is_hidden = packet.is_discard or packet.is_corrupt
            heapq.heappush(self._hidden if is_hidden else self._shown, packet.pts)

    def place(self, frame: av.VideoFrame) -> Iterator[tuple[int | None, av.VideoFrame]]:
        """The frame, and before it those that should have come before and did not."""
        stamp = frame.pts
        if stamp is None or not self._trusts:
            yield stamp, frame
            return
        while self._shown and self._shown[0] < stamp:
            self.replaced += 1
            yield heapq.heappop(self._shown), self._before or frame
        if self._shown and self._shown[0] == stamp:
            heapq.heappop(self._shown)
            yield stamp, frame
        elif stamp not in self._hidden:
            yield stamp, frame
        while self._hidden and self._hidden[0] < stamp:
            heapq.heappop(self._hidden)
        self._before = frame

    def rest(self) -> Iterator[tuple[int | None, av.VideoFrame]]:
        """Frames that should have come before the end."""
        while self._shown and self._before is not None:
            self.replaced += 1
            yield heapq.heappop(self._shown), self._before
