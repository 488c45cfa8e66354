"""Decoded frames -> upright pictures, as a player shows them."""

import struct
from typing import Any, NamedTuple

import av
import av.video.reformatter
import numpy as np
from numpy.typing import NDArray


class Orientation(NamedTuple):
    """How a stored picture becomes an upright one: first transposed, then flipped.

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
            >>> Orientation(True, True, False).apply(picture)[..., 0].tolist()  # 90 degrees left
            [[2], [1]]
        """
        if self.transpose:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


def read_orientation(frame: Any) -> Orientation:
    """Read a frame's display matrix, in which phones store how they were held.

    The matrix ``[[a, b], [c, d]]`` sends a stored position to ``x' = ax + cy, y' = bx + dy``, y
    downwards. Other angles than multiples of 90 degrees are rounded to the nearest.

    Args:
        frame: a decoded frame.
    """
    try:
        entries = frame.side_data
    except ValueError:  # PyAV knows not all that FFmpeg attaches, such as EXIF; no mirroring then
        return _turned(round(frame.rotation / 90) % 4)
    for entry in entries:
        if entry.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = struct.unpack_from("=5i", bytes(entry))
            if abs(a) + abs(d) < abs(b) + abs(c):
                return Orientation(transpose=True, flip_rows=b < 0, flip_columns=c < 0)
            return Orientation(transpose=False, flip_rows=d < 0, flip_columns=a < 0)
    return Orientation(transpose=False, flip_rows=False, flip_columns=False)


def _turned(quarters: int) -> Orientation:
    """So many quarter turns to the left."""
    turned = quarters % 2 == 1
    return Orientation(turned, flip_rows=quarters in (1, 2), flip_columns=quarters in (2, 3))


class UprightConverter:
    """Converts the frames of a stream to upright RGB pictures of one size.

    Args:
        first: a frame of the stream. All pictures get its size and orientation, even if the stream
            changes its size later.

    Attributes:
        size: rows and columns of the pictures.
    """

    def __init__(self, first: av.VideoFrame) -> None:
        # One converter for all frames, and one thread: otherwise each frame starts threads, which
        # is slow and hangs a loader's forked workers, which wait for threads they do not have.
        self._reformatter = av.video.reformatter.VideoReformatter()
        self._height, self._width = first.height, first.width
        self._orientation = read_orientation(first)
        rows_and_columns = (self._height, self._width)
        self.size = rows_and_columns[::-1] if self._orientation.transpose else rows_and_columns

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """The picture, ``(H, W, 3)``, RGB."""
        # FFmpeg converts by the range and the colour matrix that the frame declares.
        converted = self._reformatter.reformat(
            frame, width=self._width, height=self._height, format="rgb24", threads=1
        )
        return self._orientation.apply(converted.to_ndarray())
