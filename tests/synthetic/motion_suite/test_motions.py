import numpy as np
import pytest

from motionlens.synthetic.motion_suite.motions import bouncing, passing
from motionlens.synthetic.motion_suite.scenes import DIFFICULTIES, Setting, find_difficulty

SETTING = Setting(difficulty=DIFFICULTIES["medium"], num_frames=8, size=64)
NUM_DRAWN = 2000


def largest_gap(values, low, high):
    """Kolmogorov's distance from the uniform distribution, times the root of the number."""
    ranks = (np.sort(values) - low) / (high - low)
    steps = np.arange(len(values) + 1) / len(values)
    return max(np.max(steps[1:] - ranks), np.max(ranks - steps[:-1])) * np.sqrt(len(values))


def passing_places(step, frame):
    """Where the thing that is there in a frame is, drawn many times."""
    places = []
    for seed in range(NUM_DRAWN):
        lives = passing(np.random.default_rng(seed), SETTING, 16.0, step)
        (place,) = [boxes[frame, :2] for boxes in lives if not np.isnan(boxes[frame, 0])]
        places.append(place)
    return np.array(places)


@pytest.mark.parametrize("frame", [0, 3, 7])
@pytest.mark.parametrize("step", [(0.0, 12.0), (-7.0, 0.0), (5.0, -5.0)])
def test_places_of_what_passes_are_uniform_in_every_frame(step, frame):
    places = passing_places(step, frame)
    assert places.min() >= -16
    assert places.max() < 64
    # Greater gaps than 1.95 come about once in a thousand times.
    assert largest_gap(places[:, 0], -16, 64) < 1.95
    assert largest_gap(places[:, 1], -16, 64) < 1.95
    assert abs(np.corrcoef(places.T)[0, 1]) < 3.3 / np.sqrt(NUM_DRAWN)


@pytest.mark.parametrize("frame", [0, 7])
def test_places_of_what_bounces_are_uniform_in_every_frame(frame):
    steps = np.tile([3.0, 12.0], (7, 1))
    drawn = [bouncing(np.random.default_rng(s), SETTING, 10.0, steps) for s in range(NUM_DRAWN)]
    places = np.array([boxes[frame, :2] for boxes in drawn])
    assert places.min() >= 0
    assert places.max() <= 54
    assert largest_gap(places[:, 0], 0, 54) < 1.95
    assert largest_gap(places[:, 1], 0, 54) < 1.95


def test_the_gap_finds_a_border_cue():
    # What stays inside while it moves on cannot be uniform in its first frame.
    starts = np.random.default_rng(0).uniform(-16, 64 - 40, NUM_DRAWN)
    assert largest_gap(starts, -16, 64) > 5


def test_what_passes_goes_on_evenly_and_leaves_before_the_next_comes():
    for seed in range(50):
        lives = passing(np.random.default_rng(seed), SETTING, 16.0, (0.0, 12.0))
        frames = [np.flatnonzero(~np.isnan(boxes[:, 0])).tolist() for boxes in lives]
        assert all(frames)
        assert np.concatenate(frames).tolist() == list(range(8))
        for boxes, there in zip(lives, frames, strict=True):
            assert np.allclose(np.diff(boxes[there, 1]), 12)
        for boxes in lives[1:]:  # the next one comes in from beyond the border
            assert np.nanmin(boxes[:, 1]) < -16 + 12


def test_difficulties():
    assert find_difficulty("hard") is DIFFICULTIES["hard"]
    assert find_difficulty("easy", 5.0).speed_px == (5.0, 5.0)
    with pytest.raises(ValueError, match="difficulty must be one of easy, medium, hard, got 'har'"):
        find_difficulty("har")
    with pytest.raises(ValueError, match="speed must be above 0 and at most 24, got 30; it counts"):
        find_difficulty("easy", 30)
