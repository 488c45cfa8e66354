"""Video containers: opening them, and what they declare of themselves."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from motionlens._utils.errors import one_line
from motionlens._utils.numbers import counted
from motionlens.video.frames import VideoError
from motionlens.video.limits import Limits, Stopwatch, check_overlap

_LFS_POINTER = b"version https://git-lfs"
_COVER = av.stream.Disposition.attached_pic
# Bare coded pictures. Their demuxers assume 25 frames per second, whatever the pictures say.
_BARE_FORMATS = frozenset({"h264", "hevc", "vvc", "mpegvideo"})
# FFmpeg's demuxers of files that hold their own pictures. All others are refused by content,
# whatever a file is called: playlists open the files and addresses that they name, a text becomes
# pictures of its letters, and file names with a percent sign stand for other files.
CONTAINER_FORMATS = (
    "mov,matroska,webm,avi,mpeg,mpegts,mpegvideo,h261,h263,h264,hevc,vvc,evc,m4v,obu,av1,ivf,ogg,"
    "flv,asf,gif,apng,mxf,gxf,nut,nuv,rm,dv,mjpeg,mjpeg_2000,yuv4mpegpipe,wtv,vc1,vc1test,dirac,"
    "dnxhd,cavsvideo,avs2,avs3,roq,smjpeg,flic,smk,bink,pva,webp,"
    "bmp_pipe,jpeg_pipe,png_pipe,tiff_pipe,webp_pipe,"
    "mp3,wav,flac,aac,ac3,aiff,caf,amr"  # told to have no pictures
)
# First bytes of those that strangers may send: the common ones. Rarer demuxers are tried less, and
# a server has no use for them.
_COMMON_STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"RIFF",  # AVI, WebP
    b"\x00\x00\x01",  # MPEG program and elementary streams
    b"\x00\x00\x00\x01",  # bare H.264 and H.265
    b"OggS",
    b"FLV",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF, WMV
    b"GIF8",
    b"DKIF",  # IVF
    b"YUV4MPEG2",
    b"\x06\x0e\x2b\x34",  # MXF
    b"\x89PNG",  # animated PNG
)
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # MP4, MOV
_TS_PACKETS = ((0, 188), (4, 192))  # offset of the first sync byte and length of MPEG-TS packets
_TS_SYNC = 0x47


def is_container(head: bytes) -> bool:
    """Whether a file with this beginning is in a common container of videos, and no playlist.

    Args:
        head: its first bytes, a few hundred.

    Example:
        >>> is_container(b"GIF89a"), is_container(b"#EXTM3U")
        (True, False)
    """
    if head.startswith(_COMMON_STARTS) or head[4:8] in _MP4_BOXES:
        return True
    return any(
        len(head) > first + length and head[first] == head[first + length] == _TS_SYNC
        for first, length in _TS_PACKETS
    )


def check_file(path: Path, name: str = "") -> None:
    """Refuse what FFmpeg would refuse without saying why.

    Args:
        path: of the file.
        name: what messages call it; its path by default.

    Raises:
        VideoError: If the path is missing, not a file, empty, not readable or a Git LFS pointer.
    """
    name = name or str(path)
    if not os.path.exists(path):
        raise VideoError(nothing_at(name))
    if not path.is_file():
        raise VideoError(
            f"{name}: must be a file or a folder, it is neither but a pipe, a socket or a device; "
            "name a video file"
        )
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise VideoError(f"{name}: cannot be read ({error.strerror}); check its mode") from error
    if not start:
        raise VideoError(f"{name}: is empty (0 bytes); copy it again")
    if start == _LFS_POINTER:
        raise VideoError(f"{name}: is a Git LFS pointer, not the video; run `git lfs pull`")


def nothing_at(name: str) -> str:
    """What to say where a video should be and is not."""
    return f"{name}: must be a video file or a folder of pictures, nothing is there"


def open_container(
    address: str,
    name: str,
    limits: Limits,
    *,
    formats: str | None = CONTAINER_FORMATS,
    protocols: str | None = "file",
    advice: str = "it is cut short or something else, try a player or copy it again",
    options: Mapping[str, str] | None = None,
    **settings: Any,
) -> tuple[Any, Any]:
    """Open a container and find its video stream.

    Args:
        address: for FFmpeg.
        name: what error messages call it.
        limits: of its frames.
        formats: FFmpeg's names of the demuxers that may read it, by its content; None for any.
        protocols: FFmpeg's names of what it may be read through; None for any.
        advice: what error messages say to do.
        options: further options of FFmpeg.
        **settings: of ``av.open``.

    Returns:
        The container and the stream.

    Raises:
        VideoError: If it cannot be opened, has no video, or its frames are beyond the limits.
    """
    # Decoders align rows and columns, so that what they check is a little larger.
    max_pixels = str(min(int(limits.max_megapixels * 1.1e6) + 2**20, 2**31 - 1))
    given = dict(options or {}, max_pixels=max_pixels)
    if formats is not None:
        given["format_whitelist"] = formats
    if protocols is not None:
        given["protocol_whitelist"] = protocols
    try:
        with limits.memory():
            container = av.open(address, metadata_errors="replace", options=given, **settings)
    except av.error.ArgumentError as error:
        if formats is None:
            raise VideoError(f"{name}: cannot be opened ({error.strerror}); {advice}") from error
        raise VideoError(
            f"{name}: is not a video file in a format that is known here; texts, playlists and "
            "raw data are not opened, whatever they are called"
        ) from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise VideoError(f"{name}: cannot be read as a video ({reason}); {advice}") from error
    # A song's cover picture is stored as a video stream too.
    streams = [s for s in container.streams.video if not s.disposition & _COVER]
    if not streams or streams[0].codec_context is None:
        container.close()
        lack = "no decoder is known for its video" if streams else "has no video stream"
        raise VideoError(f"{name}: {lack}; give a file with pictures that FFmpeg decodes")
    context = streams[0].codec_context
    try:
        if context.width and context.height:
            limits.check_frame(name, context.height, context.width)
        limits.check_packets(name, len(streams[0].index_entries))
    except VideoError:
        container.close()
        raise
    # One thread: clips are short, and loaders already use one process per core.
    streams[0].thread_type = "SLICE"
    context.thread_count = 1
    context.options = {"max_pixels": max_pixels}  # also where the header has announced less
    return container, streams[0]


def file_address(path: Path) -> str:
    """A file's address for FFmpeg, which would take what stands before a colon for a protocol."""
    return f"file:{path}"


def read_packets(
    container: Any,
    stream: Any,
    name: str,
    limits: Limits,
    spent: Stopwatch | None = None,
    *,
    is_gradual: bool = False,
) -> Iterator[Any]:
    """The packets of a stream in the order of the file, up to damage that ends it.

    Args:
        container: open.
        stream: of the container.
        name: of the video, for messages.
        limits: how much it may ask for.
        spent: what the caller and this have used of the processor; None for no limit.
        is_gradual: time is lent for each byte as it is read, not for all of the file at once.

    Raises:
        VideoError: If they are too many, or overlap in the file, or too much time is spent.
    """
    num_bytes, packet_bytes = container.size, 0
    try:
        for number, packet in enumerate(container.demux(stream), start=1):
            packet_bytes += packet.size
            if spent is not None and not number & 15:
                limits.check_cpu(name, spent.seconds, packet_bytes if is_gradual else num_bytes)
            if not number & 255:
                limits.check_packets(name, number)
                check_overlap(name, packet_bytes, num_bytes)
            yield packet
    except av.error.FFmpegError:
        return


def read_fps(stream: Any, times_s: NDArray[np.float64] | None = None) -> float:
    """Frames per second as the stream declares them, else from the times; 25 if neither tells."""
    is_bare = stream.container.format.name in _BARE_FORMATS
    declared = is_bare and stream.codec_context.framerate
    declared = declared or stream.average_rate or stream.guessed_rate
    if declared:
        return float(declared)
    span_s = 0.0 if times_s is None else float(times_s[-1] - times_s[0])
    return 25.0 if times_s is None or span_s <= 0 else (len(times_s) - 1) / span_s


def num_announced(path: Path, container: Any, stream: Any) -> int:
    """How many frames a container announces, asked before any packet is read; 0 if unknown."""
    # An MP4's own table leaves out what an edit list cuts away; its header counts that too.
    # An AVI's header counts skipped frames, which its table leaves out. The table is at its end.
    is_avi = container.format.name == "avi"
    if "mp4" in container.format.name or (is_avi and _has_whole_chunks(path)):
        return len(stream.index_entries)
    return int(stream.frames)


def _has_whole_chunks(path: Path) -> bool:
    """Whether the chunks that a RIFF file consists of are as long as they say."""
    num_bytes, end = path.stat().st_size, 0
    with path.open("rb") as file:
        while end < num_bytes:
            file.seek(end)
            head = file.read(8)
            if len(head) < 8 or not head.startswith(b"RIFF"):
                return end > 0  # padding
            end += 8 + int.from_bytes(head[4:], "little")
    return end <= num_bytes + 1  # a chunk of odd length may lack its padding


def cut_short(name: str, announced: int, held: int) -> str:
    """What to say of a file that announces more frames than it holds."""
    are = "is" if held == 1 else "are"
    return (
        f"{name}: announces {counted(announced, 'frame')} but holds {held:,}, which {are} used; "
        "the file is cut short, copy it again"
    )


def damage_note(num_replaced: int, num_damaged: int, asked_for: int | None = None) -> str:
    """What to say of frames that were decoded in part or not at all; empty if there are none.

    Args:
        num_replaced: frames that the decoder did not give.
        num_damaged: frames that it marked as damaged.
        asked_for: frames of which these are some; None for all of the file.
    """

    def some(number: int, one: str, several: str) -> str:
        which = counted(number, "frame")
        if asked_for is not None:
            which = f"{number:,} of {counted(asked_for, 'frame')} asked for"
        return f"{which} {one if number == 1 else several}"

    found = []
    if num_replaced:
        replaced = "replaced by the one before"
        found.append(
            some(
                num_replaced,
                f"cannot be decoded and is {replaced}",
                f"cannot be decoded and are {replaced}",
            )
        )
    if num_damaged:
        shown = "damaged and shown as far as"
        found.append(
            some(num_damaged, f"is {shown} it can be decoded", f"are {shown} they can be decoded")
        )
    return "; ".join([*found, "the file is damaged, copy it again"]) if found else ""


def no_frame(name: str) -> VideoError:
    """The error of a video without frames."""
    return VideoError(
        f"{name}: holds no frame that can be decoded; it is damaged or empty, or its frames are "
        "larger than they may be, try a player or copy it again"
    )
