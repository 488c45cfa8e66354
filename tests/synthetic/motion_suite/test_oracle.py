"""The labels are those that somebody would tell who only sees where things are."""

from collections import Counter

import numpy as np
import pytest

from motion_oracle import judge
from motionlens.synthetic.motion_suite.scenes import DIFFICULTIES, Track
from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.synthetic.motion_suite.tasks import TASKS


@pytest.mark.parametrize("num_frames", [8, 13])
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("task", TASKS)
def test_oracle_tells_every_label(task, difficulty, num_frames):
    num_frames = max(num_frames, TASKS[task].least_frames)
    suite = MotionSuite(task, difficulty, seed=3, num_frames=num_frames)
    for i in range(120):
        scene = suite.scene("train", i)
        assert judge(task, scene.tracks) == suite.class_names[suite.label("train", i)]


@pytest.mark.parametrize("task", TASKS)
def test_oracle_tells_time_reversed_and_mirrored_clips(task):
    suite = MotionSuite(task, "medium", seed=4)
    about = TASKS[task]
    for i in range(60):
        tracks = suite.scene("train", i).tracks
        name = suite.class_names[suite.label("train", i)]
        changes = {
            "time_reversal": [track._replace(boxes=track.boxes[::-1]) for track in tracks],
            "horizontal_flip": [mirrored(track, 1) for track in tracks],
            "vertical_flip": [mirrored(track, 0) for track in tracks],
        }
        for change, changed in changes.items():
            if task == "collision" and change == "horizontal_flip":
                names = {"left": "right", "right": "left"}
                changed = [t._replace(role=names.get(t.role, t.role)) for t in changed]
            swaps = getattr(about, change)
            both = {**swaps, **{other: one for one, other in swaps.items()}}
            assert judge(task, changed) == both.get(name, name), change


def mirrored(track, axis):
    boxes = track.boxes.copy()
    boxes[:, axis] = 64 - boxes[:, axis] - boxes[:, 2 + axis]
    return track._replace(boxes=boxes)


@pytest.mark.parametrize("task", TASKS)
def test_classes_take_turns(task):
    suite = MotionSuite(task, seed=5)
    num_classes = len(suite.class_names)
    labels = [suite.label("validation", i) for i in range(6 * num_classes)]
    assert set(Counter(labels).values()) == {6}
    assert labels != sorted(labels)
    assert labels != [suite.label("train", i) for i in range(6 * num_classes)]


def test_hand_made_tracks():
    still = np.tile([20.0, 10.0, 8.0, 8.0], (4, 1))
    right = still + np.arange(4)[:, None] * [0.0, 5.0, 0.0, 0.0]
    growing = still * np.array([1, 1, 1, 1]) + np.arange(4)[:, None] * [0.0, 0.0, 2.0, 2.0]
    assert judge("direction", [Track("target", right, None)]) == "right"
    assert judge("direction8", [Track("target", right[:, [1, 0, 2, 3]], None)]) == "down"
    assert judge("approach_recede", [Track("target", growing, None)]) == "approach"
    assert judge("approach_recede", [Track("target", growing[::-1], None)]) == "recede"
    assert judge("approach_recede", [Track("target", still, None)]) == "still"
    assert judge("camera", [Track("window", right, None)]) == "pan_right"
    assert judge("camera", [Track("window", growing, None)]) == "zoom_out"
    with pytest.raises(ValueError, match=r"tracks must have a target, got \['window'\]"):
        judge("direction", [Track("window", still, None)])
