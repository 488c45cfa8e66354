import struct
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from motionlens.video.container import read_fps, read_turn

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
    turn = read_turn(SimpleNamespace(side_data=[data]))
    assert turn.apply(PICTURE)[..., 0].tolist() == shown


def test_without_display_matrix():
    assert read_turn(SimpleNamespace(side_data=[])).apply(PICTURE).tolist() == PICTURE.tolist()


@pytest.mark.parametrize(
    ("average", "guessed", "times_s", "fps"),
    [
        (Fraction(30000, 1001), None, [0.0, 1.0], 29.97),
        (None, Fraction(12), [0.0, 1.0], 12.0),
        (None, None, [0.0, 0.1, 0.2], 10.0),
        (None, None, [0.0], 25.0),
    ],
)
def test_rate(average, guessed, times_s, fps):
    stream = SimpleNamespace(average_rate=average, guessed_rate=guessed)
    assert read_fps(stream, np.array(times_s)) == pytest.approx(fps, abs=0.001)
