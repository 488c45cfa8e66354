from itertools import pairwise

import numpy as np
import pytest

from motionlens.clips.symmetries import LabelSymmetries
from motionlens.synthetic.motion_suite.curves import (
    CURVE_NAMES,
    LEAST_FRAMES,
    draw_curve,
    sample_curve,
    swaps_of,
)


@pytest.mark.parametrize("name", CURVE_NAMES)
def test_curves_hang_together_and_differ(name):
    drawn = [draw_curve(np.random.default_rng(seed), name) for seed in range(20)]
    for strokes in drawn:
        for one, other in pairwise(strokes):
            assert np.allclose(one[-1], other[0])
        places = np.concatenate(strokes)
        assert np.allclose(places.min(0), 0)
        assert np.isclose(places.max(), 1)
    middles = {tuple(np.round(np.concatenate(strokes).mean(0), 4).tolist()) for strokes in drawn}
    assert len(middles) == 20


@pytest.mark.parametrize("num_frames", [LEAST_FRAMES, 16, 32])
def test_every_corner_is_shown_and_nothing_is_left_out(num_frames):
    for seed, name in enumerate(CURVE_NAMES):
        rng = np.random.default_rng(seed)
        strokes = draw_curve(rng, name)
        places = sample_curve(rng, strokes, num_frames, 0.15)
        assert places.shape == (num_frames, 2)
        corners = np.array([strokes[0][0], *(stroke[-1] for stroke in strokes)])
        found = [int(np.hypot(*(places - corner).T).argmin()) for corner in corners]
        assert np.allclose(places[[0, -1]], corners[[0, -1]])
        assert np.allclose(np.hypot(*(places[found] - corners).T), 0)


def test_headings_are_what_their_names_say():
    steps = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}
    for heading, step in steps.items():
        for kind in ("stroke", "zigzag"):
            strokes = draw_curve(np.random.default_rng(1), f"{kind}_{heading}")
            assert (strokes[-1][-1] - strokes[0][0]) @ step > 0.5
    # From left over an apex at the top to the right: clockwise.
    places = np.concatenate(draw_curve(np.random.default_rng(1), "bend_up_clockwise"))
    assert places[0, 1] < places[-1, 1]
    assert places[:, 0].min() < min(places[0, 0], places[-1, 0])


def test_what_swaps_holds_together():
    swaps = {name: swaps_of(name) for name in ("horizontal_flip", "vertical_flip", "time_reversal")}
    LabelSymmetries(**swaps).resolve(CURVE_NAMES)
    assert swaps["horizontal_flip"]["bend_right_clockwise"] == "bend_left_counterclockwise"
    assert swaps["time_reversal"]["spiral_in_clockwise"] == "spiral_out_counterclockwise"
    assert swaps["vertical_flip"]["loop_clockwise"] == "loop_counterclockwise"
    assert not any("eight" in pair or "wave_sideways" in pair for s in swaps.values() for pair in s)
