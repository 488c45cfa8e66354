"""What a file, a stream and a frame say of themselves, before anything is made of their pictures.

Takes the decoder's objects but does not load the decoder.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens.video.frames import VideoError

_LFS_POINTER = b"version https://git-lfs"


def check_file(path: Path) -> None:
    """Refuse what the decoder would refuse with a riddle.

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


class Turn(NamedTuple):
    """How a stored picture becomes one as shown: first transposed, then flipped.

    Attributes:
        transpose: swap rows and columns.
        flip_rows: turn upside down.
        flip_columns: mirror.
    """

    transpose: bool
    flip_rows: bool
    flip_columns: bool

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn ``(H, W, 3)``, without copying.

        Example:
            >>> picture = np.array([[[1, 1, 1], [2, 2, 2]]], np.uint8)  # one row: 1 2
            >>> Turn(True, True, False).apply(picture)[..., 0].tolist()  # to the left, 90 degrees
            [[2], [1]]
        """
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def read_turn(frame: Any) -> Turn:
    """Read a frame's display matrix, by which phones say how they were held.

    The matrix ``[[a, b], [c, d]]`` sends a stored position to ``x' = ax + cy, y' = bx + dy``, y
    downwards. Only turns by quarters and mirrors are followed; others are taken as the nearest.

    Args:
        frame: a decoded frame.
    """
    for entry in frame.side_data:
        if entry.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = struct.unpack_from("=5i", bytes(entry))
            if abs(a) + abs(d) < abs(b) + abs(c):
                return Turn(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
            return Turn(transpose=False, flip_rows=d < 0, flip_columns=a < 0)
    return Turn(transpose=False, flip_rows=False, flip_columns=False)


def read_fps(stream: Any, times_s: NDArray[np.float64]) -> float:
    """Frames per second as the stream declares them, else from the times; 25 if there are none."""
    declared = stream.average_rate or stream.guessed_rate
    if declared:
        return float(declared)
    span_s = float(times_s[-1] - times_s[0])
    return (len(times_s) - 1) / span_s if span_s > 0 else 25.0
