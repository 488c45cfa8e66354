import io

import numpy as np
import pytest
from PIL import Image

from motionlens.report.plots.sheet import SheetEntry, draw_sheet, trail
from motionlens.report.prediction import Prediction


def entry(label="wave_hand", **changes):
    frames = np.random.default_rng(0).integers(0, 255, (5, 24, 32, 3)).astype(np.uint8)
    return SheetEntry(
        frames, Prediction(path="v.mp4", labels=(label,), probabilities=(0.7,), **changes)
    )


def test_a_trail_shows_each_place_where_a_thing_was():
    frames = np.full((6, 4, 12, 3), 90, np.uint8)
    for t in range(6):
        frames[t, 1:3, 2 * t : 2 * t + 2] = 10 * t
    found = trail(frames)
    assert (found[[0, 3]] == 90).all()
    for t in range(6):
        assert (found[1:3, 2 * t : 2 * t + 2] == 10 * t).all()


@pytest.mark.parametrize("number", [1, 7, 60])
def test_any_number_of_videos_is_drawn(number):
    target = io.BytesIO()
    draw_sheet([entry(), entry(above=(False,)), *[entry()] * number][:number], target)
    width, height = Image.open(target).size
    # Six beside each other, 48 at most.
    assert width == round(150 * 1.7 * min(number, 6))
    assert height == round(150 * 2.2 * -(-min(number, 48) // 6))
