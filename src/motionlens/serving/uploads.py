"""Uploads: videos, which are checked before a decoder opens them, and the pictures of a clip."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens.video.frames import VideoError
from motionlens.video.limits import Limits
from motionlens.video.picture_decoding import read_picture

_HEAD = 512
# First bytes of the accepted containers. It is an allowlist, because FFmpeg also reads playlists
# and would open the files that they name.
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
    b"\x89PNG",  # animated PNG
)
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # MP4, MOV
_PACKETS = ((0, 188), (4, 192))  # offset of the first sync byte and length of MPEG-TS packets
_SYNC = 0x47


def is_container(head: bytes) -> bool:
    """Whether a file with this beginning is a video container, and no playlist.

    Args:
        head: its first bytes, a few hundred.

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
    """The name of an upload for messages: one line, no folders, at most 100 characters."""
    last = re.split(r"[/\\]", name or "")[-1]
    return "".join(c for c in last if c.isprintable())[:100] or "upload"


@asynccontextmanager
async def stored(file: IO[bytes], name: str, folder: Path) -> AsyncIterator[Path]:
    """An upload as a file in ``folder``, which is removed at the end of the block.

    Args:
        file: the upload.
        name: the client's name for it, for messages.
        folder: a folder for temporary files.

    Raises:
        VideoError: If it is not a video, or the block cannot read it; the message has ``name`` in
            place of the temporary file's.
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
        await asyncio.to_thread(shutil.copyfileobj, file, copy)
        copy.flush()
        try:
            yield Path(copy.name)
        except VideoError as error:
            raise VideoError(str(error).replace(copy.name, name)) from None


def read_pictures(files: Sequence[IO[bytes]], limits: Limits) -> Tensor:
    """JPEG or PNG files of one size to frames, uint8 ``(T, 3, H, W)``.

    Raises:
        VideoError: If a file is neither, has another size than the first, or is too large.
    """
    frames: list[NDArray[np.uint8]] = []
    for number, file in enumerate(files):
        name = f"picture {number}"
        frames.append(read_picture(file, name, "send JPEG or PNG", limits, formats=("JPEG", "PNG")))
        height, width = frames[0].shape[:2]
        if frames[-1].shape != frames[0].shape:
            raise VideoError(
                f"pictures must be of one size, the first is {width}x{height} and number "
                f"{number} {frames[-1].shape[1]}x{frames[-1].shape[0]}; send frames of one camera"
            )
        limits.check_clip("pictures", len(files), height, width)
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
