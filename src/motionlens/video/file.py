"""Anything that shows frames -> frames: video files, frame folders, arrays. The only decoder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.video.reformatter
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.errors import one_line
from motionlens.video.container import check_file, read_fps, read_turn
from motionlens.video.find import VIDEO_SUFFIXES, find_videos, is_video
from motionlens.video.frame_index import FrameIndex, StoredPacket, index_decoded, index_packets
from motionlens.video.frames import Frames, VideoError, VideoReader, VideoWarning
from motionlens.video.pictures import ArrayReader, FolderReader
from motionlens.video.shards import ShardReader, is_shard_path

__all__ = [
    "VIDEO_SUFFIXES",
    "FileReader",
    "Frames",
    "VideoError",
    "VideoReader",
    "VideoWarning",
    "find_videos",
    "is_video",
    "open_video",
]


_COVER = av.stream.Disposition.attached_pic

# These store frames that are never shown, each in a packet of its own with a time of its own.
CODECS_WITH_HIDDEN_FRAMES = frozenset({"vp8", "libvpx"})


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
            a frame; a video in a shard, ``<shard>.tar/<name>``; or uint8 pictures in memory,
            ``(T, H, W, 3)`` or ``(T, 3, H, W)``.
        start_s: keep frames from this time on, seconds since the first; None for all.
        end_s: keep frames before this time; None for all.
        fps: rate of folders and arrays, which do not tell their own; files do.

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
        return ArrayReader(video, fps=fps, start_s=start_s, end_s=end_s)
    path = Path(video)
    if path.is_dir():
        return FolderReader(path, fps=fps, start_s=start_s, end_s=end_s)
    if is_shard_path(path):
        return ShardReader(path, start_s=start_s, end_s=end_s)
    return FileReader(path, start_s=start_s, end_s=end_s)


class FileReader(VideoReader):
    """A video file.

    The frames are those that can be presented, found by reading the packets' time stamps; where
    these are missing, or known not to tell, by decoding the file once. A frame that turns out to
    be damaged is replaced by the frame before it, as players do, with a warning.

    Args:
        path: the file.
        start_s: frames from this time on; None for the first.
        end_s: frames before this time; None for the last.

    Raises:
        VideoError: If the file cannot be read, or has no frame to show.

    Warns:
        VideoWarning: If the file holds fewer frames than it announces, or some are damaged.
    """

    def __init__(
        self, path: Path, *, start_s: float | None = None, end_s: float | None = None
    ) -> None:
        check_file(path)
        self._path = path
        self._has_warned_of_damage = False
        # A decoded frame that is the next to be looked at, with its stamp.
        self._ahead: tuple[int, av.VideoFrame] | None = None
        self._index = _index_file(path)
        self._rewind()
        try:
            self._ahead = self._pull()
            if self._ahead is None:
                raise _no_frame(path)
            self._upright = Upright(self._ahead[1])
            super().__init__(
                str(path),
                self._index.times_s,
                fps=read_fps(self._stream, self._index.times_s),
                size=self._upright.size,
                start_s=start_s,
                end_s=end_s,
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
        replaced = sum(self._fill(part, run) for part, run in runs)
        if replaced and not self._has_warned_of_damage:
            self._has_warned_of_damage = True
            warnings.warn(
                f"{self.name}: {replaced} of {len(indices)} frames asked for cannot be decoded and "
                "are replaced by the one before; the file is damaged, copy it again",
                VideoWarning,
                stacklevel=3,
            )
        return torch.from_numpy(data).permute(0, 3, 1, 2)

    def _fill(self, data: NDArray[np.uint8], stamps: NDArray[np.int64]) -> int:
        """Decode the frames of one run into ``data``; how many another had to stand in for."""
        self._go_to(int(stamps[0]))
        place = replaced = 0
        before = None
        while place < len(stamps) and (decoded := self._pull()) is not None:
            stamp, frame = decoded
            while place < len(stamps) and stamps[place] <= stamp:
                is_missing = stamps[place] < stamp
                data[place] = self._upright(before or frame if is_missing else frame)
                replaced += is_missing
                place += 1
            before = frame
            # Looked at once more by a read that goes on from here instead of from a key frame.
            self._ahead = decoded if place == len(stamps) else None
        if place < len(stamps):
            if before is None:
                raise _no_frame(self._path)
            data[place:] = self._upright(before)
        return replaced + len(stamps) - place

    def _go_to(self, stamp: int) -> None:
        """Go to a place in the file from which decoding leads to a frame."""
        key = self._index.key_before(stamp)
        if self._ahead is not None and key <= self._ahead[0] <= stamp:
            return
        if not self._index.counted and key > self._index.keys[0]:
            try:
                self._container.seek(key, stream=self._stream)
                self._decoded, self._ahead = (
                    _stamped(self._container, self._stream, self._index.counted),
                    None,
                )
                self._ahead = self._pull()
            except av.error.FFmpegError:
                self._ahead = None
            # Some containers can but guess where in the file a time lies.
            if self._ahead is not None and self._ahead[0] <= stamp:
                return
        self.close()
        self._rewind()

    def _rewind(self) -> None:
        self._container, self._stream = _open(self._path)
        self._decoded = _stamped(self._container, self._stream, self._index.counted)
        self._ahead = None

    def _pull(self) -> tuple[int, av.VideoFrame] | None:
        if self._ahead is None:
            return next(self._decoded, None)
        ahead, self._ahead = self._ahead, None
        return ahead


class Upright:
    """Makes decoded frames of a stream pictures as a player shows them.

    Args:
        first: a frame of the stream. The stream may change its size on the way: this one's holds.

    Attributes:
        stored_size: rows and columns of the frames as they are stored.
        size: of the pictures.
    """

    def __init__(self, first: av.VideoFrame) -> None:
        # One for all frames, and one thread: left to itself each frame starts threads of its own,
        # which is slow and, should a loader fork before they are gone, leaves its workers waiting
        # for them for ever.
        self._converter = av.video.reformatter.VideoReformatter()
        self.stored_size = first.height, first.width
        self._turn = read_turn(first)
        self.size = self.stored_size[::-1] if self._turn.transpose else self.stored_size

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The picture, ``(H, W, 3)``, red, green, blue."""
        # FFmpeg converts by the range and the colour matrix that the frame itself declares.
        height, width = self.stored_size
        converted = self._converter.reformat(
            frame, width=width, height=height, format="rgb24", threads=1
        )
        return self._turn.apply(converted.to_ndarray())


def open_container(
    address: str,
    name: str,
    advice: str = "it is cut short or something else, try a player or copy it again",
    **options: Any,
) -> tuple[Any, Any]:
    """Container and video stream; closed again if there is no such stream.

    Args:
        address: for FFmpeg.
        name: what error messages call it.
        advice: what they say to do.
        **options: of ``av.open``.

    Raises:
        VideoError: If it cannot be opened, or has no video.
    """
    try:
        container = av.open(address, metadata_errors="replace", **options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise VideoError(f"{name}: cannot be read as a video ({reason}); {advice}") from error
    # A song's cover picture is stored as a video stream too.
    streams = [s for s in container.streams.video if not s.disposition & _COVER]
    if not streams or streams[0].codec_context is None:
        container.close()
        lack = "no decoder is known for its video" if streams else "has no video stream"
        raise VideoError(f"{name}: {lack}; give a file with pictures that FFmpeg decodes")
    # One thread: clips are short, and loaders already use one process a core.
    streams[0].thread_type = "SLICE"
    streams[0].codec_context.thread_count = 1
    return container, streams[0]


def _open(path: Path) -> tuple[Any, Any]:
    # The prefix keeps FFmpeg from taking what stands before a colon for a protocol.
    return open_container(f"file:{path}", str(path))


def _decode(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    """Frames from here on; packets that cannot be decoded are passed over."""
    packets = container.demux(stream)
    try:
        for packet in packets:
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                continue
    except av.error.FFmpegError:
        pass  # The file ends here; frames may still be waiting in the decoder.
    try:
        yield from stream.codec_context.decode(None)
    except av.error.FFmpegError:
        return


def _stamped(container: Any, stream: Any, counted: bool) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames from here on with the stamps by which the index knows them."""
    for number, frame in enumerate(_decode(container, stream)):
        if counted:
            yield number, frame
        elif frame.pts is not None:
            yield frame.pts, frame


def _index_file(path: Path) -> FrameIndex:
    """Find a file's frames: by its packets, or by decoding it where these do not tell."""
    container, stream = _open(path)
    with container:
        # An MP4's own table leaves out what an edit list cuts away; its head counts that too.
        is_mp4 = "mp4" in container.format.name
        announced = len(stream.index_entries) if is_mp4 else stream.frames
        packets = _read_packets(container, stream)
        index = index_packets(
            packets, stream.time_base, are_true_times=_has_true_times(stream, packets)
        )
    if index is None:
        container, stream = _open(path)
        with container:
            times = [frame.pts for frame in _decode(container, stream)]
            rate = stream.average_rate
            index = index_decoded(times, stream.time_base, float(rate) if rate else None)
    if index is None:
        raise _no_frame(path)
    held = sum(not packet.is_damaged for packet in packets)
    if announced > held:
        warnings.warn(
            f"{path}: announces {announced} frames but holds {len(index.stamps)}, which are used; "
            "the file is cut short, copy it again",
            VideoWarning,
            stacklevel=4,
        )
    return index


def _read_packets(container: Any, stream: Any) -> list[StoredPacket]:
    """All packets of a stream, not decoded; those up to the damage, if there is any."""
    packets: list[StoredPacket] = []
    try:
        for packet in container.demux(stream):
            if packet.size:
                packets.append(
                    StoredPacket(
                        pts=packet.pts,
                        is_key=packet.is_keyframe,
                        is_hidden=packet.is_discard,
                        is_damaged=packet.is_corrupt,
                    )
                )
    except av.error.FFmpegError:
        pass
    return packets


def _has_true_times(stream: Any, packets: list[StoredPacket]) -> bool:
    """Whether a container's times are those of the frames that will be presented."""
    if stream.codec_context.name in CODECS_WITH_HIDDEN_FRAMES:
        return False
    times = [packet.pts for packet in packets if packet.pts is not None]
    is_reordered = stream.codec_context.has_b_frames or times != sorted(times)
    # AVI stores no times of presentation: once frames are reordered, FFmpeg guesses them.
    return not (is_reordered and stream.container.format.name == "avi")


def _no_frame(path: Path) -> VideoError:
    return VideoError(
        f"{path}: holds no frame that can be decoded; it is damaged or empty, try a player or copy "
        "it again"
    )
