"""Uploaded videos: looked at before any decoder sees them, and on disk only while they are read."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from motionlens.video.file import VideoError

_HEAD = 512
# How containers of moving pictures begin. A list of what may pass: FFmpeg also takes playlists,
# that is texts naming other files, and would open these.
_STARTS = (
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
    b"\x89PNG",  # animated ones
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # MP4, MOV
_PACKETS = ((0, 188), (4, 192))  # first sync byte and length of a transport stream's packets
_SYNC = 0x47


def is_container(head: bytes) -> bool:
    """Whether a file that begins like this holds moving pictures itself.

    Args:
        head: its first bytes, some hundred.

    Example:
        >>> is_container(b"GIF89a"), is_container(b"#EXTM3U")
        (True, False)
    """
    if head.startswith(_STARTS) or head[4:8] in _BOXES:
        return True
    return any(
        len(head) > first + length and head[first] == head[first + length] == _SYNC
        for first, length in _PACKETS
    )


def clean_name(name: str | None) -> str:
    """The name of an upload for messages: one line, no folders, not too long."""
    last = re.split(r"[/\\]", name or "")[-1]
    return "".join(c for c in last if c.isprintable())[:100] or "upload"


@contextmanager
def stored(file: IO[bytes], name: str, folder: Path) -> Iterator[Path]:
    """An upload as a file inside ``folder``, which is gone when the block is left.

    Args:
        file: what was uploaded.
        name: that its sender gave it, for messages.
        folder: for temporary files.

    Raises:
        VideoError: If it is no video, or cannot be read inside the block; the message has ``name``
            in the place of the file's own.
    """
    head = file.read(_HEAD)
    if not head:
        raise VideoError(f"{name}: is empty; send a video file")
    if not is_container(head):
        raise VideoError(
            f"{name}: is not a video that is known here; send MP4, MOV, WebM, MKV, AVI, MPEG, OGV, "
            "WMV, FLV or GIF"
        )
    file.seek(0)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-") as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        try:
            yield Path(copy.name)
        except VideoError as error:
            raise VideoError(str(error).replace(copy.name, name)) from None
