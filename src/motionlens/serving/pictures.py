"""Frames to JPEG or PNG for a browser, and back."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from motionlens.video.frames import VideoError

# Frames up to this size are sent as PNG: JPEG would blur what little there is to see.
_SMALL_PX = 160
_QUALITY = 85


def data_urls(frames: NDArray[np.uint8], longest_px: int) -> list[str]:
    """Frames, uint8 ``(T, H, W, 3)``, as ``data:`` URLs, scaled down to ``longest_px``."""
    return [_data_url(frame, longest_px) for frame in frames]


def _data_url(frame: NDArray[np.uint8], longest_px: int) -> str:
    picture = Image.fromarray(frame)
    picture.thumbnail((longest_px, longest_px), Image.Resampling.BOX)
    kind = "png" if max(frame.shape) <= _SMALL_PX else "jpeg"
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=_QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def read_pictures(files: Sequence[IO[bytes]], max_pixels: float) -> Tensor:
    """JPEG or PNG files of one size to frames, uint8 ``(T, 3, H, W)``.

    Raises:
        VideoError: If a file is neither, has another size than the first, or is too large.
    """
    frames: list[NDArray[np.uint8]] = []
    for number, file in enumerate(files):
        try:
            with Image.open(file, formats=("jpeg", "png")) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise VideoError(
                        too_many_pixels(f"picture {number}", height, width, max_pixels)
                    )
                frames.append(np.asarray(picture.convert("RGB")))
        except (OSError, SyntaxError, Image.DecompressionBombError):
            message = f"picture {number} cannot be read; send JPEG or PNG"
            raise VideoError(message) from None
        if frames[-1].shape != frames[0].shape:
            raise VideoError(
                f"pictures must be of one size, the first is {_size(frames[0])} and number "
                f"{number} {_size(frames[-1])}; send frames of one camera"
            )
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def too_many_pixels(name: str, height: int, width: int, max_pixels: float) -> str:
    """The message for frames above the limit."""
    return (
        f"{name}: frames must have at most {max_pixels / 1e6:g} megapixels, these are "
        f"{width}x{height}; make them smaller, or start the server with a larger --max_megapixels"
    )


def _size(frame: NDArray[np.uint8]) -> str:
    return f"{frame.shape[1]}x{frame.shape[0]}"
