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

from motionlens.video.container import is_container
from motionlens.video.frames import VideoError
from motionlens.video.limits import Limits
from motionlens.video.picture_decoding import read_picture

_HEAD = 512


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
