import struct
from types import SimpleNamespace

import numpy as np
import pytest

from motionlens.video.orientation import read_orientation

ONE = 1 << 16  # display matrices are 16.16 fixed point
PICTURE = np.stack([np.array([[1, 2, 3], [4, 5, 6]], np.uint8)] * 3, axis=-1)


class SideData(bytes):
    type = SimpleNamespace(name="DISPLAYMATRIX")


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), [[1, 2, 3], [4, 5, 6]]),
        ((0, -1, 1, 0), [[3, 6], [2, 5], [1, 4]]),  # a quarter to the left
        ((0, 1, -1, 0), [[4, 1], [5, 2], [6, 3]]),  # a quarter to the right
        ((-1, 0, 0, -1), [[6, 5, 4], [3, 2, 1]]),
        ((-1, 0, 0, 1), [[3, 2, 1], [6, 5, 4]]),  # a mirror
        ((1, 0, 0, -1), [[4, 5, 6], [1, 2, 3]]),
    ],
)
def test_display_matrix(matrix, shown):
    a, b, c, d = (ONE * value for value in matrix)
    data = SideData(struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))
    orientation = read_orientation(SimpleNamespace(side_data=[data]))
    assert orientation.apply(PICTURE)[..., 0].tolist() == shown


def test_without_display_matrix():
    assert (
        read_orientation(SimpleNamespace(side_data=[])).apply(PICTURE).tolist() == PICTURE.tolist()
    )
