"""Frames one after another, in constant memory: files of any length, cameras, network streams.

Where :mod:`motionlens.video.file` looks up frames by their numbers, this goes through a source once and
never knows how long it is. The frames of a file are the same, and so are their pixels.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Union

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.errors import one_line
from motionlens.video.container import check_file, read_fps
from motionlens.video.file import Upright, open_container, open_video
from motionlens.video.frames import VideoError, VideoReader
from motionlens.video.presentation import Clock, Order
from motionlens.video.shards import is_shard_path

# What can be gone through: the number or the name of a camera, an address, or any video.
Source = Union[int, str, "os.PathLike[str]", NDArray[np.uint8], Tensor]

# Frames at the very edge of a window of time count as its reader counts them.
_TIME_TOLERANCE_S = 1e-6
# To an earlier start decoding is as fast as seeking.
_WORTH_SEEKING_S = 10.0
# A camera or a server that is silent for longer is gone.
SILENCE_S = 10.0

# Sources of these send at their own speed. Others, such as http, can be made to wait, unless they
# have no length.
_LIVE_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt", "tcp", "mms"})
# FFmpeg's names of devices; "dshow://video=NAME" is one.
_DEVICES = frozenset({"v4l2", "avfoundation", "dshow", "lavfi"})


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """A frame that a source has come to.

    Attributes:
        time_s: seconds since the source's first frame, ascending.
        load: gives its picture, uint8 ``(3, H, W)``, upright; costs time, so only for those that
            are wanted.
    """

    time_s: float
    load: Callable[[], Tensor]


class FrameSource(ABC):
    """Frames of a source in the order in which they are shown; iterate over it once, then close.

    Attributes:
        name: what messages call it; without a password.
        fps: frames per second, on average, as far as it is known.
        is_live: it sends at its own speed, and does not wait for whoever is too slow.
        can_be_read_again: it is a file or in memory.
        notes: what is to be told about it at the end, a line each.
    """

    name: str
    fps: float
    is_live: bool = False
    can_be_read_again: bool = True

    def __init__(self) -> None:
        self.notes: list[str] = []

    @abstractmethod
    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames."""

    def close(self) -> None:  # noqa: B027 - some hold nothing open
        """Let go of what is held open."""


def open_source(
    source: Source, *, start_s: float | None = None, end_s: float | None = None, fps: float = 12.0
) -> FrameSource:
    """Open something whose frames come one after another.

    Args:
        source: number of a camera, or its device file; an address such as ``rtsp://...``, or of
            one of FFmpeg's devices, such as ``dshow://video=NAME``; a video file, a named pipe
            that one comes through, or whatever else ``open_video`` takes.
        start_s: frames from this time on, seconds since the first; None for all.
        end_s: frames before this time; None for all.
        fps: rate of folders and arrays, which do not tell their own; the others do.

    Raises:
        VideoError: If there is nothing there, it is no video, or the times are no window.

    Example:
        >>> source = open_source(np.zeros((3, 16, 24, 3), np.uint8), fps=2.0)
        >>> [frame.time_s for frame in source]
        [0.0, 0.5, 1.0]
    """
    name = source_name(source)
    start, end = start_s or 0.0, float("inf") if end_s is None else end_s
    if not 0 <= start < end:
        raise VideoError(
            f"{name}: start and end must be seconds with 0 <= start < end, got {start_s} and "
            f"{end_s}; correct the window"
        )
    window = (start, end)
    if isinstance(source, int):
        source = camera_address(source, sys.platform)
    if isinstance(source, np.ndarray | Tensor):
        return ReaderSource(open_video(source, start_s=start_s, end_s=end_s, fps=fps))
    text = os.fspath(source)
    path = Path(text)
    kind = path.stat().st_mode if path.exists() else 0
    if stat.S_ISCHR(kind):
        text = f"v4l2://{text}"
    if _scheme(text):
        return _open_address(text, name, window)
    if stat.S_ISFIFO(kind):
        return DecodedSource(f"file:{text}", name, window, can_seek=False)
    if path.is_dir() or is_shard_path(path):
        return ReaderSource(open_video(path, start_s=start_s, end_s=end_s, fps=fps))
    check_file(path)
    return DecodedSource(f"file:{text}", name, window, can_seek=True)


def is_endless(source: Source) -> bool:
    """Whether a source has no end of its own that one could wait for: all but files and arrays."""
    if isinstance(source, int | np.ndarray | Tensor):
        return isinstance(source, int)
    if _scheme(os.fspath(source)):
        return True
    path = Path(source)
    return path.exists() and not (path.is_file() or path.is_dir())


def source_name(source: Source) -> str:
    """What to call a source: its path, its address without a password, or what it is.

    Example:
        >>> source_name("rtsp://me:secret@10.0.0.7/live"), source_name(0)
        ('rtsp://me:***@10.0.0.7/live', 'camera 0')
    """
    if isinstance(source, np.ndarray | Tensor):
        return "array"
    if isinstance(source, int):
        return f"camera {source}"
    return re.sub(r"^(\w+://[^/:@]*):[^/]*@", r"\1:***@", os.fspath(source))


def camera_address(number: int, platform: str) -> str:
    """A camera's address, on ``sys.platform``.

    Example:
        >>> camera_address(1, "linux"), camera_address(0, "darwin")
        ('v4l2:///dev/video1', 'avfoundation://0')

    Raises:
        VideoError: For a negative number, and where cameras have names alone.
    """
    if number < 0:
        raise VideoError(f"a camera's number must be at least 0, got {number}; 0 is the first")
    if platform == "win32":
        raise VideoError(
            f"camera {number}: cameras have names here, not numbers; give dshow://video=NAME"
        )
    return f"avfoundation://{number}" if platform == "darwin" else f"v4l2:///dev/video{number}"


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
    """The frames of whatever FFmpeg opens.

    A damaged frame is replaced by the one before it, and frames that are not to be shown are left
    out, as :class:`motionlens.video.file.FileReader` does.

    Args:
        address: for FFmpeg.
        name: for messages.
        window: from and to which time, seconds since the first frame.
        can_seek: it is a file.
        advice: what the message says to do, if it cannot be opened.
        **options: of ``av.open``.

    Raises:
        VideoError: If it cannot be opened.
    """

    def __init__(
        self,
        address: str,
        name: str,
        window: tuple[float, float],
        *,
        can_seek: bool,
        advice: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.name = name
        self._window = window
        self._can_seek = self.can_be_read_again = can_seek
        given = {} if advice is None else {"advice": advice}
        self._open = partial(open_container, address, name, **given, **options)
        self._container, self._stream = self._open()
        self.fps = read_fps(self._stream, np.zeros(1))
        self._upright: Upright | None = None
        self._order = Order(self._stream)

    @property
    def has_length(self) -> bool:
        """Whether it says how long it is."""
        return bool(self._container.duration)

    def close(self) -> None:
        """Close the container."""
        self._container.close()

    def __iter__(self) -> Iterator[SourceFrame]:
        start, end = (edge - _TIME_TOLERANCE_S for edge in self._window)
        last_s = None
        for time_s, frame in self._from(start):
            last_s = time_s
            if time_s >= end:
                break
            if time_s >= start:
                yield SourceFrame(time_s, partial(self._picture, frame))
        else:
            self._note_end(last_s)
        if last_s is None:
            raise VideoError(
                f"{self.name}: holds no frame that can be decoded; it is damaged or empty, try a "
                "player or copy it again"
            )
        if last_s < start:
            raise VideoError(
                f"{self.name}: no frame lies at or after {self._window[0]:g} s, the last one is at "
                f"{last_s:.3f} s; correct the window or leave it out"
            )

    def _from(self, start: float) -> Iterator[tuple[float, av.VideoFrame]]:
        """Times and frames; those long before ``start`` may be left out."""
        clock = Clock(self._stream, self.fps)
        frames = self._frames()
        for stamp, frame in frames:
            time_s = clock.read(stamp)
            yield time_s, frame
            # Only once it is known when the first frame is shown, which times are counted from.
            if self._can_seek and start - time_s > _WORTH_SEEKING_S and clock.is_absolute:
                frames.close()
                yield from self._after_seeking(clock, start)
                return

    def _after_seeking(self, clock: Clock, start: float) -> Iterator[tuple[float, av.VideoFrame]]:
        frames = self._frames()
        try:
            self._container.seek(clock.stamp(start - 1.0), stream=self._stream)
            self._order = Order(self._stream, is_whole=False)
            stamp, frame = next(frames, (None, None))
            time_s = None if stamp is None else clock.read(stamp)
        except av.error.FFmpegError:
            time_s = None
        if time_s is not None and time_s <= start:
            yield time_s, frame
        else:  # some containers can but guess where in the file a time lies
            self.close()
            self._container, self._stream = self._open()
            self._order = Order(self._stream)
            clock, frames = Clock(self._stream, self.fps), self._frames()
        for stamp, frame in frames:
            yield clock.read(stamp), frame

    def _frames(self) -> Generator[tuple[int | None, av.VideoFrame], None, None]:
        """Frames to be shown with their stamps; packets that cannot be decoded are passed over."""
        for packet in self._packets():
            self._order.expect(packet)
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in decoded:
                self._upright = self._upright or Upright(frame)
                yield from self._order.place(frame)
        try:
            for frame in self._stream.codec_context.decode(None):
                yield from self._order.place(frame)
        except av.error.FFmpegError:
            pass
        yield from self._order.rest()

    def _packets(self) -> Iterator[Any]:
        try:
            yield from self._container.demux(self._stream)
        except av.error.FFmpegError as error:
            # Of a file what follows counts as cut off; whether that is worth a word is seen then.
            if not self._can_seek:
                silent = isinstance(error, av.error.ExitError)
                reason = f"silent for {SILENCE_S:g} s" if silent else one_line(error)
                self.notes.append(f"{self.name}: broke off ({reason})")

    def _picture(self, frame: av.VideoFrame) -> Tensor:
        assert self._upright is not None  # made of the first frame
        picture = np.ascontiguousarray(self._upright(frame))
        return torch.from_numpy(picture).permute(2, 0, 1)

    def _note_end(self, last_s: float | None) -> None:
        """Say what was wrong with a file that was read to its end."""
        if not self._can_seek or last_s is None or not self._order.is_whole:
            return
        is_mp4 = "mp4" in self._container.format.name
        announced = len(self._stream.index_entries) if is_mp4 else self._stream.frames
        if announced > self._order.held:
            self.notes.append(
                f"{self.name}: announces {announced} frames but holds {self._order.held}, which "
                "are used; the file is cut short, copy it again"
            )
        if self._order.replaced:
            self.notes.append(
                f"{self.name}: {self._order.replaced} frames cannot be decoded and are replaced "
                "by the one before; the file is damaged, copy it again"
            )


def _scheme(text: str) -> str:
    """``rtsp`` of ``rtsp://...``, in small letters; empty for paths."""
    found = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]+)://", text)
    return found.group(1).lower() if found else ""


def _open_address(address: str, name: str, window: tuple[float, float]) -> DecodedSource:
    scheme = _scheme(address)
    is_device = scheme in _DEVICES
    source = DecodedSource(
        address.partition("://")[2] if is_device else address,
        name,
        window,
        can_seek=False,
        advice="check that there is such a camera, and who may read it"
        if is_device
        else "check the address, and that it sends",
        format=scheme if is_device else None,
        options={"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {},
        timeout=(SILENCE_S, SILENCE_S),
    )
    source.is_live = is_device or scheme in _LIVE_SCHEMES or not source.has_length
    return source
