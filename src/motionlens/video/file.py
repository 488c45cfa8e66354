"""Anything that shows frames -> frames by their numbers; video files by random access."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens.video.container import (
    check_file,
    file_address,
    no_frame,
    open_container,
    read_fps,
    read_packets,
)
from motionlens.video.frame_index import index_file
from motionlens.video.frames import VideoError, VideoReader, VideoWarning
from motionlens.video.orientation import UprightConverter
from motionlens.video.pictures import ArrayReader, FolderReader
from motionlens.video.presentation import Presentation, decode
from motionlens.video.shards import ShardReader, is_shard_path


def open_video(
    video: str | os.PathLike[str] | NDArray[Any] | Tensor,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    fps: float = 12.0,
) -> VideoReader:
    """Open anything that shows frames.

    Args:
        video: a video file that FFmpeg reads; a folder with one ``.jpg``, ``.jpeg`` or ``.png``
            per frame; a video in a shard, ``<shard>.tar/<name>``; or uint8 pictures in memory,
            ``(T, H, W, 3)`` or ``(T, 3, H, W)``.
        start_s: keep frames from this time on, seconds since the first; None for all.
        end_s: keep frames before this time; None for all.
        fps: frame rate of folders and arrays, which have none of their own; files do.

    Returns:
        The open reader. Pixels are taken as square, whatever aspect the container asks for.

    Raises:
        VideoError: If there is nothing there, it is no video, or it has no frame to show.

    Warns:
        VideoWarning: If a file holds fewer frames than it announces.

    Example:
        >>> with open_video(np.zeros((2, 16, 24, 3), np.uint8)) as reader:
        ...     reader.read([1, 0]).data.shape
        torch.Size([2, 3, 16, 24])
    """
    if isinstance(video, np.ndarray | Tensor):
        reader: VideoReader = ArrayReader(video, fps=fps)
    elif (path := Path(video)).is_dir():
        reader = FolderReader(path, fps=fps)
    elif is_shard_path(path):
        reader = ShardReader(path)
    else:
        reader = FileReader(path)
    try:
        reader.restrict(start_s, end_s)
    except VideoError:
        reader.close()
        raise
    return reader


class FileReader(VideoReader):
    """The frames of a video file by their numbers, in constant memory.

    Seeks to the key frame before a frame and decodes on from there. A frame that turns out to be
    damaged is replaced by the frame before it, as players do, with a warning.

    Args:
        path: the file.

    Raises:
        VideoError: If the file cannot be read, or has no frame to show.

    Warns:
        VideoWarning: If the file holds fewer frames than it announces, or some are damaged.
    """

    def __init__(self, path: Path) -> None:
        check_file(path)
        self._path = path
        self._has_warned_of_damage = False
        self._index = index_file(path)
        # The frame that was decoded last, with its stamp.
        self._last: tuple[int, av.VideoFrame] | None = None
        self._rewind()
        try:
            self._last = next(self._decoded, None)
            if self._last is None:
                raise no_frame(str(path))
            self._upright = UprightConverter(self._last[1])
            super().__init__(
                str(path),
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

    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        data = np.empty((len(indices), self.height, self.width, 3), np.uint8)
        stamps = self._index.stamps[indices]
        keys = np.searchsorted(self._index.keys, stamps, side="right")
        # Frames behind different key frames are reached faster by seeking than by decoding on.
        borders = np.flatnonzero(np.diff(keys)) + 1
        runs = zip(np.split(data, borders), np.split(stamps, borders), strict=True)
        replaced = sum(self._fill(part, run.tolist()) for part, run in runs)
        if replaced and not self._has_warned_of_damage:
            self._has_warned_of_damage = True
            warnings.warn(
                f"{self.name}: {replaced} of {len(indices)} frames asked for cannot be decoded and "
                "are replaced by the one before; the file is damaged, copy it again",
                VideoWarning,
                stacklevel=3,
            )
        return torch.from_numpy(data).permute(0, 3, 1, 2)

    def _fill(self, data: NDArray[np.uint8], stamps: list[int]) -> int:
        """Decode the frames of one run into ``data``; returns how many had to be replaced."""
        self._go_to(stamps[0])
        presentation = Presentation(stamps)
        shown = presentation.present(self._frames_from_here())
        for picture, (_, frame) in zip(data, shown, strict=False):
            picture[:] = self._upright(frame)
        if presentation.due:
            raise no_frame(self.name)
        return presentation.num_replaced

    def _go_to(self, stamp: int) -> None:
        """Go to a place in the file from which decoding leads to a frame."""
        key = self._index.key_before(stamp)
        if self._last is not None and key <= self._last[0] <= stamp:
            return
        if not self._index.counted and key > self._index.keys[0]:
            try:
                self._container.seek(key, stream=self._stream)
                self._decoded = self._decode()
                self._last = next(self._decoded, None)
            except av.error.FFmpegError:
                self._last = None
            # Some containers can only guess where in the file a time lies.
            if self._last is not None and self._last[0] <= stamp:
                return
        self.close()
        self._rewind()

    def _rewind(self) -> None:
        self._container, self._stream = open_container(file_address(self._path), str(self._path))
        self._decoded, self._last = self._decode(), None

    def _frames_from_here(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """The last decoded frame once more, and those after it."""
        if self._last is not None:
            yield self._last
        for decoded in self._decoded:
            self._last = decoded
            yield decoded

    def _decode(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Frames from here on with the stamps by which the index knows them."""
        frames = decode(read_packets(self._container, self._stream), self._stream)
        if self._index.counted:
            return enumerate(frames)
        return ((frame.pts, frame) for frame in frames if frame.pts is not None)
