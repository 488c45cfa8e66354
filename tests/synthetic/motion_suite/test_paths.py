from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from motionlens.synthetic.motion_suite.curves import CURVE_NAMES
from motionlens.synthetic.motion_suite.hands import draw_hand, paste_hand
from motionlens.synthetic.motion_suite.paths import draw_path_in_view, draw_paths
from motionlens.synthetic.motion_suite.scenes import DIFFICULTIES, Setting
from motionlens.synthetic.motion_suite.suite import MotionSuite

HARD = Setting(difficulty=DIFFICULTIES["hard"], num_frames=16, size=64)


@cache
def grids(name):
    return [draw_paths(np.random.default_rng(seed), HARD, name) for seed in range(300)]


@pytest.mark.parametrize("frame", [0, 15])
@pytest.mark.parametrize("name", ["stroke_right", "bend_up_clockwise"])
def test_in_every_frame_things_of_a_grid_are_anywhere(name, frame):
    balances, counts = [], []
    for scene in grids(name):
        boxes = [t.boxes[frame] for t in scene.tracks if t.role == "target"]
        middles = np.array([box[:2] + box[2:] / 2 for box in boxes])
        seen = ((middles >= 0) & (middles < 64)).all(1)
        balances.append(np.sign(middles[seen] - 32).sum(0))
        counts.append(seen.sum())
    balances = np.array(balances)
    assert np.mean(counts) > 0.8
    # As many on the left as on the right, and above as below.
    assert (np.abs(balances.mean(0)) < 3.3 * balances.std(0) / np.sqrt(len(balances))).all()


def test_a_path_in_view_stays_in_view():
    easy = replace(HARD, difficulty=DIFFICULTIES["easy"])
    for seed, name in enumerate(CURVE_NAMES):
        scene = draw_path_in_view(np.random.default_rng(seed), easy, name)
        (boxes,) = [track.boxes for track in scene.tracks if track.role == "target"]
        assert boxes[:, :2].min() >= 0
        assert (boxes[:, :2] + boxes[:, 2:]).max() <= 64


def test_what_surrounds_a_path_does_not_depend_on_its_class():
    # The same draws after the path: only the path differs.
    lights = {
        name: draw_path_in_view(np.random.default_rng(3), HARD, name)
        for name in ("stroke_left", "stroke_right")
    }
    left, right = lights.values()
    assert np.array_equal(left.light, right.light)
    assert left.ground == right.ground
    for one, other in zip(left.tracks, right.tracks, strict=True):
        assert one.role == other.role
        assert one.look == other.look


def test_difficulty_shakes_the_camera_and_changes_the_light():
    easy = MotionSuite("path_in_view", "easy", seed=1)
    hard = MotionSuite("path_in_view", "hard", seed=1)
    for i in range(5):
        calm, wild = easy.scene("train", i), hard.scene("train", i)
        assert not calm.ground_path.any()
        assert (calm.light == 1).all()
        assert calm.blur == 0
        assert np.abs(np.diff(wild.ground_path, axis=0)).max() > 0.3
        assert np.ptp(wild.light) > 0
        # What stands goes with the ground.
        walls = [track.boxes for track in wild.tracks if track.role in ("occluder", "ground")]
        for boxes in walls:
            assert np.allclose(boxes[:, :2] - boxes[0, :2], wild.ground_path - wild.ground_path[0])


def test_a_hand_is_in_its_box_and_its_arm_reaches_out_of_it():
    for seed in range(10):
        hand = draw_hand(seed, 16)
        assert hand.capsules.shape == (16, 7, 5)
        assert np.abs(hand.capsules[:, 2:, :4]).max() < 0.65
        frame = np.full((64, 64, 3), -100, np.float32)
        paste_hand(frame, hand.capsules[0], hand.colour, (22, 22), 20)
        drawn = (frame > -1).any(2)
        assert drawn[32, 32] or drawn[30:37, 30:37].any()
        edges = np.concatenate([drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]])
        assert edges.any()
        assert drawn.mean() < 0.4
        before = frame.copy()
        paste_hand(frame, hand.capsules[0], hand.colour, (500, 500), 20)
        assert np.array_equal(frame, before)
