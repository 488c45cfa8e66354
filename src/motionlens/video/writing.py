"""Frames -> a video file."""

import io
import os
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


def write_video(
    path: str | os.PathLike[str], frames: NDArray[np.uint8], *, fps: int | Fraction = 25
) -> None:
    """Encode frames as H.264.

    Args:
        path: of the file; its suffix chooses the container.
        frames: uint8 ``(T, H, W, 3)``, RGB; H and W even.
        fps: frames per second.

    Raises:
        ValueError: For another shape or type, or odd sizes.
        OSError: If the file cannot be written.
    """
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(f"frames must be uint8 (T, H, W, 3), got {frames.dtype} {frames.shape}")
    if frames.shape[1] % 2 or frames.shape[2] % 2:
        raise ValueError(f"frames must have even H and W, got {frames.shape[1]}x{frames.shape[2]}")
    with av.open(os.fspath(path), "w") as container:
        _encode(container, container.add_stream("libx264", rate=fps), frames)


def encode_exactly(frames: NDArray[np.uint8], *, fps: int | Fraction = 12) -> bytes:
    """Encode frames as an mp4 file in memory, without loss but for colour at half resolution.

    Every frame decodes to what it would if it were the only one. A lossy encoder builds a frame
    from those before it, and its errors show where things came from: a single frame would
    then show how they move.

    Args:
        frames: uint8 ``(T, H, W, 3)``, RGB; H and W even.
        fps: frames per second.

    Returns:
        The file; the same bytes for the same frames and FFmpeg.
    """
    return _encode_mp4(frames, Fraction(fps), {"qp": "0", "preset": "medium"})


def encode_compactly(frames: NDArray[np.uint8], *, fps: float = 12) -> bytes:
    """Encode frames as an mp4 file in memory, for people to look at.

    Args:
        frames: uint8 ``(T, H, W, 3)``, RGB; H and W even.
        fps: frames per second.
    """
    return _encode_mp4(frames, Fraction(fps).limit_denominator(1000), {"crf": "20"})


def _encode_mp4(frames: NDArray[np.uint8], fps: Fraction, options: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.options = options
        # Several threads divide a picture among them, and their number would show in the bytes.
        stream.codec_context.thread_count = 1
        _encode(container, stream, frames)
    return file.getvalue()


def _encode(container: Any, stream: Any, frames: NDArray[np.uint8]) -> None:
    stream.height, stream.width = frames.shape[1:3]
    stream.pix_fmt = "yuv420p"
    for picture in frames:
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode())
