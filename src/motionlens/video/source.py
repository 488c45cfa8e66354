"""What a user names -> a source of frames: cameras, addresses, pipes, files, arrays."""

import os
import re
import stat
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.addresses import is_address
from motionlens.video.container import CONTAINER_FORMATS, check_file, file_address
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, check_window
from motionlens.video.pictures import is_pattern, is_webp
from motionlens.video.shards import is_shard_path
from motionlens.video.stream import DecodedSource, FileSource, FrameSource, ReaderSource

# The number or the name of a camera, an address, or any video.
Source = int | str | os.PathLike[str] | NDArray[np.uint8] | Tensor

# To a later start of a file an index leads; to an earlier one decoding is as fast.
_WORTH_SEEKING_S = 10.0
# A camera or a server that is silent for longer is gone.
_SILENCE_S = 10.0
# Sources of these send at their own speed. Others, such as http, can be made to wait, unless they
# have no length.
_LIVE_SCHEMES = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt", "tcp", "mms"})
# What each of them, and http, may be read through. FFmpeg would also open files and programs.
_PROTOCOLS = "http,https,httpproxy,tcp,tls,udp,rtp,srtp,rtmp,rtmps,rtmpt,mmsh,mmst,srt,crypto"
_WEB_PROTOCOLS = "http,https,httpproxy,tcp,tls,crypto"
# Playlists name further addresses: they are read where the user gives an address of the web.
_SCHEMES = {
    **dict.fromkeys(("http", "https"), (f"{CONTAINER_FORMATS},hls,dash,mpjpeg", _WEB_PROTOCOLS)),
    **dict.fromkeys(("rtsp", "rtsps"), (f"{CONTAINER_FORMATS},rtsp,rtp,sdp", _PROTOCOLS)),
    **dict.fromkeys(("rtp", "srtp"), (f"{CONTAINER_FORMATS},rtp,sdp", _PROTOCOLS)),
    **dict.fromkeys(
        ("rtmp", "rtmps", "rtmpt", "udp", "srt", "tcp", "mms", "mmsh", "mmst"),
        (f"{CONTAINER_FORMATS},live_flv", _PROTOCOLS),
    ),
}
# FFmpeg's names of devices; "dshow://video=NAME" is one.
_DEVICES = frozenset({"v4l2", "avfoundation", "dshow", "lavfi"})


def open_source(
    source: Source, *, start_s: float | None = None, end_s: float | None = None, fps: float = 12.0
) -> FrameSource:
    """Open something whose frames come one after another.

    Args:
        source: number of a camera, or its device file; an address such as ``rtsp://...``, or of
            one of FFmpeg's devices, such as ``dshow://video=NAME``; a video file, a named pipe
            that one comes through, or anything else that ``open_video`` takes.
        start_s: frames from this time on, seconds since the first; None for all.
        end_s: frames before this time; None for all.
        fps: frame rate of folders and arrays, which have none of their own; the others do.

    Raises:
        VideoError: If there is nothing there, it is no video, or the times are no window.

    Example:
        >>> source = open_source(np.zeros((3, 16, 24, 3), np.uint8), fps=2.0)
        >>> [frame.time_s for frame in source]
        [0.0, 0.5, 1.0]
    """
    name = source_name(source)
    window = check_window(name, start_s, end_s)
    if isinstance(source, int):
        source = camera_address(source, sys.platform)
    if isinstance(source, np.ndarray | Tensor):
        return ReaderSource(open_video(source, start_s=start_s, end_s=end_s, fps=fps))
    text = re.sub("^file://", "", os.fspath(source))
    path = Path(text)
    kind = path.stat().st_mode if os.path.exists(path) else 0
    if stat.S_ISCHR(kind):
        text = f"v4l2://{text}"
    if _scheme(text) and not _is_stored(text):
        return _open_address(text, name, window)
    if stat.S_ISFIFO(kind):
        return DecodedSource(file_address(path), name, window)
    is_stored, has_pictures = _is_stored(text), False
    if not is_stored:
        has_pictures = (
            os.path.isdir(path) or is_shard_path(path) or is_pattern(path) or is_webp(path)
        )
    if has_pictures or is_stored or window[0] > _WORTH_SEEKING_S:
        video = text if is_stored else path
        return ReaderSource(open_video(video, start_s=start_s, end_s=end_s, fps=fps))
    check_file(path)
    return FileSource(path, name, window)


def is_endless(source: Source) -> bool:
    """Whether a source is read once and may never end: all but files, folders and arrays."""
    if isinstance(source, int | np.ndarray | Tensor):
        return isinstance(source, int)
    text = re.sub("^file://", "", os.fspath(source))
    if _scheme(text):
        return not _is_stored(text)
    path = Path(text)
    return os.path.exists(path) and not (path.is_file() or path.is_dir())


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


def _scheme(text: str) -> str:
    """``rtsp`` of ``rtsp://...``, in small letters; empty for paths."""
    found = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]+)://", text)
    return found.group(1).lower() if found else ""


def _is_stored(text: str) -> bool:
    """Whether an address is one of a store of files, which FFmpeg does not know."""
    return _scheme(text) not in _SCHEMES and is_address(text)


def _open_address(address: str, name: str, window: tuple[float, float]) -> DecodedSource:
    scheme = _scheme(address)
    is_device = scheme in _DEVICES
    if not is_device and scheme not in _SCHEMES:
        raise VideoError(
            f"{name}: {scheme}:// is not opened; give a file, a camera or an address that begins "
            f"with one of {', '.join(sorted(_SCHEMES))}"
        )
    # A device is opened as what the user names, and nothing is told from its content.
    formats, protocols = (None, None) if is_device else _SCHEMES[scheme]
    source = DecodedSource(
        address.partition("://")[2] if is_device else address,
        name,
        window,
        timeout_s=_SILENCE_S,
        advice="check that there is such a camera, and who may read it"
        if is_device
        else "check the address, and that it sends",
        formats=formats,
        protocols=protocols,
        format=scheme if is_device else None,
        options={"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {},
    )
    source.is_live = is_device or scheme in _LIVE_SCHEMES or not source.has_length
    return source
