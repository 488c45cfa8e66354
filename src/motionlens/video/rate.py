"""The frame rate of a video, without decoding it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from motionlens.video.container import (
    check_file,
    file_address,
    open_container,
    read_fps,
    read_packets,
)
from motionlens.video.fetching import fetched
from motionlens.video.file import open_video
from motionlens.video.find import is_frame_folder
from motionlens.video.frame_index import index_packets
from motionlens.video.limits import Stopwatch, limits_in_force
from motionlens.video.pictures import is_pattern, is_webp
from motionlens.video.presentation import Presentation
from motionlens.video.shards import is_shard_path, read_table, table_row

_MOST_PACKETS = 5000


def frame_rate(path: Path, *, fps: float) -> float:
    """Frames per second on average, by the times of the frames; none is decoded.

    What a file declares is taken only where it stores no times: FFmpeg divides by a duration that
    may lack the last frame, and takes 24 frames/s for a Matroska file that declares nothing.

    Args:
        path: anything that :func:`motionlens.video.file.open_video` opens.
        fps: frame rate of folders of pictures.

    Raises:
        VideoError: If there is nothing there, or it is no video.
    """
    if is_frame_folder(path) or is_pattern(path):
        return fps
    if is_shard_path(path):
        table = read_table(path.parent)
        return float(table.fps[table_row(table, path)])
    name, limits = str(path), limits_in_force()
    with fetched(path) as local:
        check_file(local, name)
        if is_webp(local):
            with open_video(local) as reader:
                return reader.fps
        container, stream = open_container(file_address(local), name, limits)
        with container, limits.memory():
            declared = read_fps(stream)
            packets = read_packets(container, stream, name, limits, Stopwatch())
            return _rate_by_times(container, stream, packets) or declared


def _rate_by_times(container: Any, stream: Any, packets: Iterator[Any]) -> float | None:
    """Frames per second from the first frame to the last; None if the times do not tell."""
    if "mp4" in container.format.name:
        # The table of an MP4 is read when it is opened.
        table = stream.index_entries
        num_frames = len(table)
        if num_frames < 2:
            return None
        span_s = float((table[num_frames - 1].timestamp - table[0].timestamp) * stream.time_base)
    else:
        # Long files are not read to their end for this.
        first = islice(packets, _MOST_PACKETS)
        index = index_packets(first, stream.time_base, Presentation.of(stream))
        if index is None:
            return None
        num_frames, span_s = len(index.times_s), float(index.times_s[-1])
    return (num_frames - 1) / span_s if span_s > 0 else None
