"""Outlines of things: which pixels of a box belong to them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]  # (H, W)
# Coordinates of the middles of pixels, from -1 to 1: rows (H, 1) and columns (1, W).
Axes = NDArray[np.float64]


def outline(shape: str, height: int, width: int) -> Mask:
    """The pixels of a box of this size that belong to a thing.

    Args:
        shape: key of :data:`SHAPES`.
        height: rows of the box.
        width: columns of the box.
    """
    rows, columns = np.ogrid[:height, :width]
    inside = SHAPES[shape]((2 * rows + 1) / height - 1, (2 * columns + 1) / width - 1)
    return np.broadcast_to(inside, (height, width))


def _disc(r: Axes, c: Axes) -> Mask:
    return np.hypot(r, c) <= 1


def _ring(r: Axes, c: Axes) -> Mask:
    distance = np.hypot(r, c)
    return (distance <= 1) & (distance > 0.5)


def _triangle(r: Axes, c: Axes) -> Mask:
    return np.abs(c) <= (r + 1) / 2


def _cross(r: Axes, c: Axes) -> Mask:
    return np.minimum(np.abs(r), np.abs(c)) <= 0.34


SHAPES: dict[str, Callable[[Axes, Axes], Mask]] = {
    "square": lambda r, c: np.ones(np.broadcast_shapes(r.shape, c.shape), bool),
    "disc": _disc,
    "ring": _ring,
    "triangle": _triangle,
    "cross": _cross,
}
