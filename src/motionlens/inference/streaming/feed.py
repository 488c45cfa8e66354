"""Reads a source in a thread, so that decoding and the network run at the same time.

A file waits for the network. A live source cannot wait, so its frames are dropped.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.stream_sampling import ClipFrame, StreamSampling
from motionlens.video.stream import FrameSource, SourceFrame

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


@dataclass(eq=False)
class _Recent:
    """A frame that may still be asked for; its picture is made when it is."""

    number: int
    frame: SourceFrame
    _picture: Tensor | None = None

    def crop(self, preprocessing: Preprocessing) -> Tensor:
        """The resized and cropped picture, uint8 ``(3, h, w)``."""
        if self._picture is None:
            self._picture = preprocessing.crop(self.frame.load()[None])[0]
        return self._picture


class FrameFeed:
    """Reads a source, and resizes and crops the frames of clips.

    Args:
        open_source: opens the source; called in the thread.
        sampling: of clips, see :class:`motionlens.clips.stream_sampling.StreamSampling`.
        preprocessing: resizes and crops.
        capacity: most clip frames that wait.
        real_time: treat the source as live: no faster than its own clock, and it does not wait.

    Attributes:
        seen: clip frames so far, including dropped ones.
        dropped: clip frames that were dropped because the network was too slow.
        end_s: time of the last frame of the source, whether a clip frame or not.
        notes: remarks on the source; complete at the end.
        was_stopped: whether :meth:`stop` ended it.
    """

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        sampling: Sampling,
        preprocessing: Preprocessing,
        *,
        capacity: int,
        real_time: bool = False,
    ) -> None:
        self._open, self._sampling = open_source, sampling
        self._preprocessing = preprocessing
        self._capacity, self._real_time = capacity, real_time
        self.seen = self.dropped = 0
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

    def _put(self, frames: Tensor, time_s: float, after_gap: bool) -> None:
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
            self._waiting.append((frames, time_s, self._is_refusing or after_gap))
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
        sampling = StreamSampling(self._sampling, source.fps)
        recent: deque[_Recent] = deque()
        began = None
        for number, frame in enumerate(source):
            now = time.monotonic()
            began = now - frame.time_s if began is None else began
            if self._real_time and self._stopped.wait(max(0.0, began + frame.time_s - now)):
                return
            if self._stopped.is_set():
                return
            self.end_s = frame.time_s
            recent.append(_Recent(number, frame))
            self._put_all(sampling.push(frame.time_s), recent)
            while recent[0].number < sampling.oldest:
                recent.popleft()
        self._put_all(sampling.finish(), recent)

    def _put_all(self, found: Iterable[ClipFrame], recent: Sequence[_Recent]) -> None:
        """Queue clip frames, of frames that are still there."""
        for each in found:
            group = [recent[n - recent[0].number] for n in each.numbers.tolist()]
            pictures = torch.stack([one.crop(self._preprocessing) for one in group])
            self._put(pictures, group[-1].frame.time_s, each.after_gap)
