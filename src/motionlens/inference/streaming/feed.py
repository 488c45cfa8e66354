"""A source is read in a thread of its own: decoding and the network run at the same time.

A source that waits is made to wait for the network; of one that does not, frames are dropped.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.video.stream import FrameSource

# How soon a thread that waits sees that it is to stop.
_LOOK_S = 0.1
# A thread inside a decoder or a dead connection is not waited for longer.
_LEAVE_S = 1.0


@dataclass(frozen=True, eq=False)
class FrameBatch:
    """Frames of which clips are made, next to each other.

    Attributes:
        frames: uint8 ``(n, lead + 1, 3, h, w)``, cut to the clip's size: each with those that
            lead to it, the frame itself last.
        times_s: of the n frames, seconds.
        after_gap: between these and the frames before some are missing.
    """

    frames: Tensor
    times_s: tuple[float, ...]
    after_gap: bool


class FrameFeed:
    """Reads a source and cuts the frames that clips are made of.

    Args:
        open_source: opens it, in the thread.
        choose_sampling: from the source's frames per second to the sampling of clips: every
            ``frame_stride``-th frame is taken; of segments the middle one.
        preprocessing: cuts them.
        capacity: frames that wait at most.
        real_time: let the source come no faster than its own clock, and do not let it wait.

    Attributes:
        name: of the source; None before it is open.
        stride: frames of the source from one that is taken to the next; 0 before it is open.
        seen: frames taken so far, with those dropped.
        dropped: frames that were dropped since the network was too slow.
        end_s: time of the last frame that was read, of whatever kind.
        notes: what is to be told of the source at the end.
        can_be_read_again: it is a file or in memory.
        was_stopped: before its end.
    """

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        choose_sampling: Callable[[float], Sampling],
        preprocessing: Preprocessing,
        *,
        capacity: int,
        real_time: bool = False,
    ) -> None:
        self._open, self._choose = open_source, choose_sampling
        self._preprocessing = preprocessing
        self._capacity, self._real_time = capacity, real_time
        self.name: str | None = None
        self.stride = self.seen = self.dropped = 0
        self.end_s = 0.0
        self.notes: list[str] = []
        self.can_be_read_again = self.was_stopped = False
        self._waiting: deque[tuple[Tensor, float, bool]] = deque()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._is_done = self._is_refusing = self._drops = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="motionlens-feed", daemon=True)

    def batches(self, limit: int) -> Iterator[FrameBatch]:
        """The frames, at most ``limit`` at a time, until the source ends or :meth:`stop`.

        Of a source that waits, as many as that; of another, those that are there.

        Raises:
            VideoError: If the source cannot be opened or read; after the frames before.
        """
        if self._thread.ident is not None:
            raise RuntimeError("a stream can be gone through once; open another")
        self._thread.start()
        try:
            while entries := self._take(limit):
                frames, times_s, gaps = zip(*entries, strict=True)
                yield FrameBatch(torch.stack(frames), times_s, gaps[0])
        finally:
            self.stop()
            self._thread.join(_LEAVE_S)
        if self._error is not None and not self.was_stopped:
            raise self._error

    def stop(self) -> None:
        """Read no more; those who wait for frames are told that there are none."""
        self.was_stopped = self.was_stopped or not self._is_done
        self._stopped.set()

    def _take(self, limit: int) -> list[tuple[Tensor, float, bool]]:
        """Frames without a gap between them; none at the end."""
        with self._changed:
            while not self._stopped.is_set() and not self._is_done:
                if len(self._waiting) >= (1 if self._drops else limit):
                    break
                self._changed.wait(_LOOK_S)
            if self._stopped.is_set():
                return []
            taken: list[tuple[Tensor, float, bool]] = []
            while self._waiting and len(taken) < limit:
                if taken and self._waiting[0][2]:
                    break
                taken.append(self._waiting.popleft())
            self._changed.notify_all()
            return taken

    def _put(self, frames: Tensor, time_s: float) -> None:
        """Let a frame wait to be taken, or drop it."""
        with self._changed:
            while not self._drops and len(self._waiting) >= self._capacity:
                if self._stopped.is_set():
                    return
                self._changed.wait(_LOOK_S)
            self.seen += 1
            if self._drops and len(self._waiting) >= self._capacity:
                self._is_refusing = True
            # Until all are taken, so that frames come in runs that are long enough for a clip,
            # however slow the network is.
            if self._is_refusing and self._waiting:
                self.dropped += 1
                return
            self._waiting.append((frames, time_s, self._is_refusing))
            self._is_refusing = False
            self._changed.notify_all()

    def _read(self) -> None:
        try:
            source = self._open()
            try:
                self._drops = source.is_live or self._real_time
                self.name, self.notes = source.name, source.notes
                self.can_be_read_again = source.can_be_read_again
                self._read_from(source)
            finally:
                source.close()
        # Whatever it is, whoever takes the frames is to know of it.
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._is_done = True
                self._changed.notify_all()

    def _read_from(self, source: FrameSource) -> None:
        sampling = self._choose(source.fps)
        self.stride = stride = sampling.frame_stride
        lead = sampling.lead
        first = stride // 2 if sampling.mode == "segments" else 0
        before: deque[Tensor] = deque(maxlen=lead + 1)
        began = None
        for number, frame in enumerate(source):
            now = time.monotonic()
            began = now - frame.time_s if began is None else began
            if self._real_time and self._stopped.wait(max(0.0, began + frame.time_s - now)):
                return
            if self._stopped.is_set():
                return
            self.end_s = frame.time_s
            until_next = (first - number) % stride
            if until_next > lead and number:
                continue
            before.append(self._preprocessing.crop(frame.load()[None])[0])
            while not number and len(before) <= lead:  # before the first frame there are none
                before.append(before[0])
            if not until_next and number >= first:
                self._put(torch.stack(tuple(before)), frame.time_s)
