from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from motionlens.video.container import read_fps


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
    container = SimpleNamespace(format=SimpleNamespace(name="mov"))
    stream = SimpleNamespace(average_rate=average, guessed_rate=guessed, container=container)
    assert read_fps(stream, np.array(times_s)) == pytest.approx(fps, abs=0.001)
