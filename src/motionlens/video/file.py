"""Anything that shows frames -> frames by their numbers; video files by random access."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens.video.array import ArrayReader
from motionlens.video.container import (
    check_file,
    damage_note,
    file_address,
    no_frame,
    open_container,
    read_fps,
    read_packets,
)
from motionlens.video.fetching import fetched, video_path
from motionlens.video.find import is_frame_folder
from motionlens.video.frame_index import index_file
from motionlens.video.frames import VideoError, VideoReader, VideoWarning, decoding
from motionlens.video.limits import Limits, Stopwatch, limits_in_force
from motionlens.video.orientation import UprightConverter
from motionlens.video.pictures import FolderReader, WebpReader, is_pattern, is_webp
from motionlens.video.presentation import Decoded, Presentation, decode
from motionlens.video.shards import ShardReader, is_shard_path


def open_video(
    video: str | os.PathLike[str] | NDArray[Any] | Tensor,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    fps: float = 12.0,
    limits: Limits | None = None,
) -> VideoReader:
    """Open anything that shows frames.

    Args:
        video: path or address of a video file that FFmpeg reads, or of an animated WebP; a folder
            with one JPEG, PNG, WebP, BMP or TIFF per frame, or some of the pictures in it, such as
            ``folder/img_*``; a video in a shard, ``<shard>.tar/<name>``; or uint8 pictures in
            memory, ``(T, H, W, 3)`` or ``(T, 3, H, W)``.
        start_s: keep frames from this time on, seconds since the first; None for all.
        end_s: keep frames before this time; None for all.
        fps: frame rate of folders and arrays, which have none of their own; files do.
        limits: how much a video may ask for; those of the process if None, see
            :mod:`motionlens.video.limits`.

    Returns:
        The open reader. Pixels are taken as square, whatever aspect the container asks for.
        Transparency is left out: every pixel has the colour that is stored for it.

    Raises:
        VideoError: If there is nothing there, it is no video, or it has no frame to show; if a
            folder holds several series of pictures, or pictures of 16 bits; if it is beyond the
            limits.

    Warns:
        VideoWarning: If a file holds fewer frames than it announces.

    Example:
        >>> with open_video(np.zeros((2, 16, 24, 3), np.uint8)) as reader:
        ...     reader.read([1, 0]).data.shape
        torch.Size([2, 3, 16, 24])
    """
    limits = limits or limits_in_force()
    if isinstance(video, np.ndarray | Tensor):
        reader: VideoReader = ArrayReader(video, fps=fps)
    elif is_frame_folder(path := video_path(video)):
        reader = FolderReader(path, limits, fps=fps)
    elif is_shard_path(path):
        reader = ShardReader(path, limits)
    elif is_pattern(path):
        reader = FolderReader(path.parent, limits, fps=fps, pattern=path.name)
    else:
        reader = _open_file(path, limits)
    try:
        reader.restrict(start_s, end_s)
    except VideoError:
        reader.close()
        raise
    return reader


def _open_file(path: Path, limits: Limits) -> VideoReader:
    with ExitStack() as stack:
        local, name = stack.enter_context(fetched(path)), str(path)
        if is_webp(local):
            reader: VideoReader = WebpReader(local, limits, name=name)
        else:
            with decoding(name), limits.memory():
                reader = FileReader(local, limits, name=name)
        reader.keep(stack.pop_all())
        return reader


class FileReader(VideoReader):
    """The frames of a video file by their numbers, in constant memory.

    Seeks to the key frame before a frame and decodes on from there. A frame that turns out to be
    damaged is replaced by the frame before it, as players do, with a warning.

    Args:
        path: the file.
        limits: how much it may ask for.
        name: what messages call it; its path by default.

    Raises:
        VideoError: If the file cannot be read, has no frame to show, or is beyond the limits.

    Warns:
        VideoWarning: If the file holds fewer frames than it announces, or some are damaged.
    """

    def __init__(self, path: Path, limits: Limits, *, name: str = "") -> None:
        self.name = name or str(path)
        check_file(path, self.name)
        self._path, self._limits = path, limits
        self._has_warned_of_damage = False
        self._damage = np.zeros(2, np.int64)  # frames that were replaced, and that are damaged
        self._can_seek, self._spent = True, Stopwatch()
        self._index = index_file(path, self.name, limits)
        # The frame that was decoded last.
        self._last: Decoded | None = None
        self._rewind()
        try:
            self._last = next(self._decoded, None)
            if self._last is None:
                raise no_frame(self.name)
            self._index = self._index.begin_at(stamp_of(self._last))
            self._upright = UprightConverter(self._last.frame)
            limits.check_frame(self.name, *self._upright.size)
            super().__init__(
                self.name,
                self._index.times_s,
                fps=read_fps(self._stream, self._index.times_s),
                size=self._upright.size,
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        super().close()

    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        self._limits.check_clip(self.name, len(indices), self.height, self.width)
        self._num_decoded = 0
        self._spent.restart()
        data = np.empty((len(indices), self.height, self.width, 3), np.uint8)
        stamps = self._index.stamps[indices]
        keys = np.searchsorted(self._index.keys, stamps, side="right")
        # Frames behind different key frames are reached faster by seeking than by decoding on.
        borders = np.flatnonzero(np.diff(keys)) + 1
        runs = zip(np.split(data, borders), np.split(stamps, borders), strict=True)
        with decoding(self.name), self._limits.memory():
            self._damage += np.sum([self._fill(*run) for run in runs], axis=0)
        return torch.from_numpy(data).permute(0, 3, 1, 2)

    def _tell_damage(self, num_frames: int) -> None:
        replaced, damaged = self._damage.tolist()
        self._damage = np.zeros(2, np.int64)
        if (replaced or damaged) and not self._has_warned_of_damage:
            self._has_warned_of_damage = True
            note = damage_note(replaced, damaged, num_frames)
            warnings.warn(f"{self.name}: {note}", VideoWarning, stacklevel=3)

    def _fill(self, data: NDArray[np.uint8], stamps: NDArray[np.int64]) -> tuple[int, int]:
        """Decode the frames of one run; returns how many were replaced, and how many damaged."""
        self._go_to(int(stamps[0]))
        found = self._decode_run(data, stamps)
        if any(found) and not self._is_from_start and not self._has_warned_of_damage:
            # Is it the file, or that decoding began in its middle?
            self._container.close()
            self._rewind()
            after_seek, found = found, self._decode_run(data, stamps)
            self._can_seek = found >= after_seek
        return found

    def _decode_run(self, data: NDArray[np.uint8], stamps: NDArray[np.int64]) -> tuple[int, int]:
        presentation = Presentation(stamps.tolist())
        shown = presentation.present(self._frames_from_here())
        for picture, one in zip(data, shown, strict=False):
            picture[:] = self._upright(one.frame)
        if presentation.due:
            raise no_frame(self.name)
        return presentation.num_replaced, presentation.num_damaged

    def _go_to(self, stamp: int) -> None:
        """Go to a place in the file from which decoding leads to a frame."""
        index = self._index
        key = index.key_before(stamp)
        if self._last is not None and key <= stamp_of(self._last) <= stamp:
            return
        if self._can_seek and not index.counted and key > index.keys[0]:
            try:
                time = key if index.packets is None else index.packets.seek_time(key)
                self._container.seek(time, stream=self._stream)
                self._is_from_start = False
                self._decoded = self._decode()
                self._last = next(self._decoded, None)
            except av.error.FFmpegError:
                self._last = None
            # Some containers can only guess where in the file a time lies.
            if self._last is not None and stamp_of(self._last) <= stamp:
                return
        self._container.close()
        self._rewind()

    def _rewind(self) -> None:
        self._container, self._stream = open_container(
            file_address(self._path), self.name, self._limits
        )
        self._is_from_start = True
        self._decoded, self._last = self._decode(), None

    def _frames_from_here(self) -> Iterator[Decoded]:
        """The last decoded frame once more, and those after it."""
        if self._last is not None:
            yield self._last
        for decoded in self._decoded:
            self._last = decoded
            self._num_decoded += 1
            if not self._num_decoded & 15:
                pixels = self._num_decoded * self.height * self.width
                self._limits.check_decoded(self.name, pixels, self._container.size)
            yield decoded

    def _decode(self) -> Iterator[Decoded]:
        """Frames from here on with the stamps by which the index knows them."""
        # Not a generator of this object, which would keep it alive.
        packets = read_packets(self._container, self._stream, self.name, self._limits, self._spent)
        if self._index.counted:
            shown = Presentation.of(self._stream).frames(packets, self._stream)
            return (one._replace(stamp=number) for number, one in enumerate(shown))
        if self._index.packets is not None and not self._is_from_start:
            packets = self._index.packets.follow(packets)
        return (one for one in decode(packets, self._stream) if one.stamp is not None)


def stamp_of(decoded: Decoded) -> int:
    """The stamp of a frame that has one."""
    assert decoded.stamp is not None
    return decoded.stamp
