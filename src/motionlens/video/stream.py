"""Frames one after another, in constant memory: files of any length, cameras, network streams.

:mod:`motionlens.video.file` looks up frames by their numbers; this goes through a source once and
does not know how long it is. The frames of a file are the same, and so are their pixels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from motionlens._utils.errors import one_line
from motionlens.video.container import (
    cut_short,
    damage_note,
    file_address,
    no_frame,
    num_announced,
    open_container,
    read_fps,
    read_packets,
)
from motionlens.video.frames import TIME_TOLERANCE_S, VideoError, VideoReader, decoding
from motionlens.video.limits import Stopwatch, limits_in_force
from motionlens.video.orientation import UprightConverter
from motionlens.video.presentation import Clock, Presentation


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """A frame that a source has come to.

    Attributes:
        time_s: seconds since the source's first frame, ascending.
        load: gives its picture, uint8 ``(3, H, W)``, upright; costs time, so call it only for
            frames that are needed.
    """

    time_s: float
    load: Callable[[], Tensor]


class FrameSource(ABC):
    """Frames of a source in the order in which they are shown; iterate over it once, then close.

    Attributes:
        name: what messages call it; without a password.
        fps: frames per second, on average, as far as it is known.
        is_live: it sends at its own speed and does not wait for a slow reader.
        notes: what to report about it at the end, one line each.
    """

    name: str
    fps: float
    is_live: bool = False

    def __init__(self) -> None:
        self.notes: list[str] = []

    @abstractmethod
    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames."""

    def close(self) -> None:  # noqa: B027 - some hold nothing open
        """Close what is open."""


class ReaderSource(FrameSource):
    """The frames of a reader in their order.

    Args:
        reader: open; closed with this.
    """

    def __init__(self, reader: VideoReader) -> None:
        super().__init__()
        self._reader = reader
        self.name, self.fps = reader.name, reader.fps

    def __iter__(self) -> Iterator[SourceFrame]:
        for number, time_s in enumerate(self._reader.times_s.tolist()):
            yield SourceFrame(time_s, partial(self._load, number))

    def _load(self, number: int) -> Tensor:
        return self._reader.read([number]).data[0]

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()


class DecodedSource(FrameSource):
    """The frames of anything that FFmpeg opens, as they come: an address, a camera, a pipe.

    Args:
        address: for FFmpeg.
        name: for messages.
        window: from and to which time, seconds since the first frame.
        timeout_s: a source that is silent for longer has ended; None to wait for ever.
        **options: of :func:`motionlens.video.container.open_container`.

    Raises:
        VideoError: If it cannot be opened.
    """

    def __init__(
        self,
        address: str,
        name: str,
        window: tuple[float, float],
        *,
        timeout_s: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.name = name
        self._window = window
        self._timeout_s = timeout_s
        timeout = None if timeout_s is None else (timeout_s, timeout_s)
        self._limits = limits_in_force()
        self._container, self._stream = open_container(
            address, name, self._limits, timeout=timeout, **options
        )
        self.fps = read_fps(self._stream)
        self._upright: UprightConverter | None = None
        self._presentation = Presentation.of(self._stream)

    @property
    def has_length(self) -> bool:
        """Whether it says how long it is."""
        return bool(self._container.duration)

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def __iter__(self) -> Iterator[SourceFrame]:
        with decoding(self.name):
            yield from self._shown()

    def _shown(self) -> Iterator[SourceFrame]:
        start, end = (edge - TIME_TOLERANCE_S for edge in self._window)
        time_s, num_frames = None, 0
        clock = Clock(self._stream, self.fps)
        for shown in self._presentation.frames(self._packets(), self._stream):
            time_s = clock.read(shown.stamp)
            num_frames += 1
            if not self.is_live:
                self._limits.check_duration(self.name, time_s)
            if self._upright is None:
                self._upright = UprightConverter(shown.frame)
                self._limits.check_frame(self.name, *self._upright.size)
            if time_s >= end:
                break
            if time_s >= start:
                yield SourceFrame(time_s, partial(self._picture, shown.frame))
        else:
            self._note_end(num_frames)
        if time_s is None:
            raise no_frame(self.name)
        if time_s < start:
            raise VideoError(
                f"{self.name}: no frame lies at or after {self._window[0]:g} s, the last one is at "
                f"{time_s:.3f} s; correct the window or leave it out"
            )

    def _packets(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self._stream)
        except av.error.ExitError:
            self.notes.append(f"{self.name}: broke off (silent for {self._timeout_s:g} s)")
        except av.error.FFmpegError as error:
            self.notes.append(f"{self.name}: broke off ({one_line(error)})")

    def _picture(self, frame: av.VideoFrame) -> Tensor:
        assert self._upright is not None  # made of the first frame
        with decoding(self.name):
            picture = np.ascontiguousarray(self._upright(frame))
        return torch.from_numpy(picture).permute(2, 0, 1)

    def _note_end(self, num_frames: int) -> None:
        """Note what was wrong with a source that was read to its end."""


class FileSource(DecodedSource):
    """The frames of a video file, without an index of the whole file.

    The same as :class:`motionlens.video.file.FileReader` gives.

    Args:
        path: of the file.
        name: for messages.
        window: from and to which time, seconds since the first frame.

    Raises:
        VideoError: If it cannot be opened.
    """

    def __init__(self, path: Path, name: str, window: tuple[float, float]) -> None:
        super().__init__(file_address(path), name, window)
        self._announced = num_announced(path, self._container, self._stream)

    def _packets(self) -> Iterator[Any]:
        packets = read_packets(
            self._container, self._stream, self.name, self._limits, Stopwatch(), is_gradual=True
        )
        while True:
            with self._limits.memory():
                packet = next(packets, None)
            if packet is None:
                return
            yield packet

    def _note_end(self, num_frames: int) -> None:
        presentation = self._presentation
        if num_frames and self._announced > presentation.num_whole:
            self.notes.append(cut_short(self.name, self._announced, num_frames))
        note = damage_note(presentation.num_replaced, presentation.num_damaged)
        if note:
            self.notes.append(f"{self.name}: {note}")
