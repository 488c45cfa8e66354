"""Video containers: opening them, and what they declare of themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from motionlens._utils.errors import one_line
from motionlens.video.frames import VideoError

_LFS_POINTER = b"version https://git-lfs"
_COVER = av.stream.Disposition.attached_pic


def check_file(path: Path) -> None:
    """Refuse what FFmpeg would refuse without saying why.

    Raises:
        VideoError: If the path is missing, not a file, empty, not readable or a Git LFS pointer.
    """
    if not path.exists():
        raise VideoError(f"{path}: must be a video file or a folder of pictures, nothing is there")
    if not path.is_file():
        raise VideoError(f"{path}: must be a file or a folder, it is neither; name a video file")
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}); check its mode") from error
    if not start:
        raise VideoError(f"{path}: is empty (0 bytes); copy it again")
    if start == _LFS_POINTER:
        raise VideoError(f"{path}: is a Git LFS pointer, not the video; run `git lfs pull`")


def open_container(
    address: str,
    name: str,
    advice: str = "it is cut short or something else, try a player or copy it again",
    **options: Any,
) -> tuple[Any, Any]:
    """Open a container and find its video stream.

    Args:
        address: for FFmpeg.
        name: what error messages call it.
        advice: what they say to do.
        **options: of ``av.open``.

    Returns:
        The container and the stream.

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
    # One thread: clips are short, and loaders already use one process per core.
    streams[0].thread_type = "SLICE"
    streams[0].codec_context.thread_count = 1
    return container, streams[0]


def file_address(path: Path) -> str:
    """A file's address for FFmpeg, which would take what stands before a colon for a protocol."""
    return f"file:{path}"


def read_packets(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of a stream in the order of the file, up to damage that ends it."""
    try:
        yield from container.demux(stream)
    except av.error.FFmpegError:
        return


def read_fps(stream: Any, times_s: NDArray[np.float64] | None = None) -> float:
    """Frames per second as the stream declares them, else from the times; 25 if neither tells."""
    declared = stream.average_rate or stream.guessed_rate
    if declared:
        return float(declared)
    span_s = 0.0 if times_s is None else float(times_s[-1] - times_s[0])
    return 25.0 if times_s is None or span_s <= 0 else (len(times_s) - 1) / span_s


def num_announced(container: Any, stream: Any) -> int:
    """How many frames the head of a container announces; 0 if it does not say."""
    # An MP4's own table leaves out what an edit list cuts away; its header counts that too.
    is_mp4 = "mp4" in container.format.name
    return int(len(stream.index_entries) if is_mp4 else stream.frames)


def cut_short(name: str, announced: int, held: int) -> str:
    """What to say of a file that announces more frames than it holds."""
    return (
        f"{name}: announces {announced} frames but holds {held}, which are used; the file is cut "
        "short, copy it again"
    )


def no_frame(name: str) -> VideoError:
    """The error of a video without frames."""
    return VideoError(
        f"{name}: holds no frame that can be decoded; it is damaged or empty, try a player or copy "
        "it again"
    )
