"""Reads a source in a thread, so that decoding and the network run at the same time.

A file waits for the network. A live source cannot wait, so its frames are dropped.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

import torch
from torch import Tensor

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.video.stream import FrameSource

# How often a waiting thread checks whether it should stop, seconds.
_POLL_S = 0.1
# How long to wait at the end for a thread that may hang in a decoder or a dead connection, seconds.
_JOIN_S = 1.0


class FrameBatch(NamedTuple):
    """Consecutive frames of clips.

    Attributes:
        frames: uint8 ``(n, lead + 1, 3, h, w)``, resized and cropped; each clip frame comes last,
            after the frames that optical flow needs before it.
        times_s: times of the n clip frames, seconds.
        after_gap: whether frames are missing before these.
    """

    frames: Tensor
    times_s: tuple[float, ...]
    after_gap: bool


class FrameFeed:
    """Reads a source, and resizes and crops the frames of clips.

    Args:
        open_source: opens the source; called in the thread.
        choose_sampling: from the source's frames per second to the sampling of clips. Every
            ``frame_stride``-th frame is a clip frame; in the mode ``segments``, the middle frame
            of every ``frame_stride`` frames.
        preprocessing: resizes and crops.
        capacity: most clip frames that wait.
        real_time: treat the source as live: no faster than its own clock, and it does not wait.

    Attributes:
        stride: frames of the source from one clip frame to the next; 0 until it is open.
        seen: clip frames so far, including dropped ones.
        dropped: clip frames that were dropped because the network was too slow.
        end_s: time of the last frame of the source, whether a clip frame or not.
        notes: remarks on the source; complete at the end.
        was_stopped: whether :meth:`stop` ended it.
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
        self.stride = self.seen = self.dropped = 0
        self.end_s = 0.0
        self.notes: list[str] = []
        self.was_stopped = False
        self._waiting: deque[tuple[Tensor, float, bool]] = deque()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._is_done = self._is_refusing = self._drops = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="motionlens-feed", daemon=True)

    def batches(self, limit: int) -> Iterator[FrameBatch]:
        """The clip frames, until the source ends or is stopped.

        Args:
            limit: frames per batch; a live source gives those that wait, up to this number.

        Raises:
            VideoError: If the source cannot be opened or read, after the frames before the fault.
            RuntimeError: If the stream was read before.
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
            self._thread.join(_JOIN_S)
        if self._error is not None and not self.was_stopped:
            raise self._error

    def stop(self) -> None:
        """Read no more, and give no more frames."""
        self.was_stopped = self.was_stopped or not self._is_done
        self._stopped.set()

    def _take(self, limit: int) -> list[tuple[Tensor, float, bool]]:
        """The next frames without a gap between them; none at the end."""
        with self._changed:
            while not self._is_done and not self._stopped.is_set():
                if len(self._waiting) >= (1 if self._drops else limit):
                    break
                self._changed.wait(_POLL_S)
            if self._stopped.is_set():
                return []
            taken: list[tuple[Tensor, float, bool]] = []
            while self._waiting and len(taken) < limit and not (taken and self._waiting[0][2]):
                taken.append(self._waiting.popleft())
            self._changed.notify_all()
            return taken

    def _put(self, frames: Tensor, time_s: float) -> None:
        """Queue a frame, or drop it."""
        with self._changed:
            while not self._drops and len(self._waiting) >= self._capacity:
                if self._stopped.is_set():
                    return
                self._changed.wait(_POLL_S)
            self.seen += 1
            if self._drops and len(self._waiting) >= self._capacity:
                self._is_refusing = True
            # Frames are dropped until the queue is empty, so that those without a gap between
            # them are enough for a clip, however slow the network is.
            if self._is_refusing and self._waiting:
                self.dropped += 1
                return
            self._waiting.append((frames, time_s, self._is_refusing))
            self._is_refusing = False
            self._changed.notify_all()

    def _read(self) -> None:
        try:
            with closing(self._open()) as source:
                self._drops = source.is_live or self._real_time
                self.notes = source.notes
                self._read_from(source)
        # Raised again by batches().
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
            while not number and len(before) <= lead:  # the first frame stands for those before it
                before.append(before[0])
            if not until_next and number >= first:
                self._put(torch.stack(tuple(before)), frame.time_s)
