"""What is drawn is where the truth says: patches found again in the pixels alone."""

from dataclasses import replace

import numpy as np
import pytest

from motion_oracle import judge
from motionlens.synthetic.motion_suite.scenes import Track
from motionlens.synthetic.motion_suite.suite import MotionSuite


def find(patch, picture):
    """Row and column at which a patch lies in a picture."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, patch.shape)[:, :, 0]
    errors = np.abs(windows - patch).mean(axis=(2, 3, 4))
    return np.unravel_index(errors.argmin(), errors.shape)


def in_view(box):
    row, column, height, width = box
    return row >= 0 and column >= 0 and row + height <= 63 and column + width <= 63


def cut(frame, box):
    row, column = np.floor(box[:2]).astype(int)
    height, width = np.rint(box[2:]).astype(int)
    return frame[row : row + height, column : column + width]


@pytest.mark.parametrize("task", ["direction", "direction8", "order"])
def test_labels_from_patches_found_in_the_pixels(task):
    suite = MotionSuite(task, "easy", seed=8)
    told = 0
    for i in range(12):
        frames, label = suite.clip("train", i)
        frames = frames.astype(np.int16)
        tracks = [t for t in suite.scene("train", i).tracks if t.role != "distractor"]
        found = []
        for track in tracks:
            whole = [t for t in range(8) if not np.isnan(track.boxes[t]).any()]
            whole = [t for t in whole if in_view(track.boxes[t])]
            if len(whole) < 2 or (task == "order" and len(whole) < 8):
                continue
            patch = cut(frames[whole[0]], track.boxes[whole[0]])
            boxes = np.full_like(track.boxes, np.nan)
            for t in whole:
                boxes[t] = [*find(patch, frames[t]), *patch.shape[:2]]
            found.append(Track(track.role, boxes, None))
        if len(found) == len(tracks) or (found and task != "order"):
            told += 1
            assert judge(task, found) == suite.class_names[label]
    assert told >= 6


def test_frames_change_where_something_moves_and_nowhere_else():
    suite = MotionSuite("collision", "easy", seed=9)
    for i in range(6):
        frames, _ = suite.clip("train", i)
        tracks = suite.scene("train", i).tracks
        for t in range(7):
            near = np.zeros((64, 64), bool)
            for track in tracks:
                for row, column, height, width in track.boxes[t : t + 2]:
                    rows = slice(int(max(row, 0)), int(max(row + height + 1, 0)))
                    columns = slice(int(max(column, 0)), int(max(column + width + 1, 0)))
                    near[rows, columns] = True
            changed = (frames[t] != frames[t + 1]).any(2)
            assert changed.any()
            assert not (changed & ~near).any()


@pytest.mark.parametrize("size", [64, 112])
def test_what_is_hidden_is_not_seen(size):
    suite = MotionSuite("reappear", "easy", seed=10, size=size)
    hidden = seen = 0
    for i in range(9):
        frames, _ = suite.clip("train", i)
        scene = suite.scene("train", i)
        *things, wall = scene.tracks
        without = suite.draw(replace(scene, tracks=(wall,)), "train")
        for track in things:
            for t in np.flatnonzero(~np.isnan(track.boxes[:, 0])):
                beyond = sticks_out(track.boxes[t], wall.boxes[t])
                if beyond <= 0:
                    hidden += 1
                    assert np.array_equal(frames[t], without[t])
                elif beyond > 1:  # less may vanish in rounding
                    seen += 1
                    assert not np.array_equal(frames[t], without[t])
    assert hidden >= 9
    assert seen >= 30


@pytest.mark.parametrize("hidden", [1.5, 4, 8])
def test_how_long_a_thing_is_hidden(hidden):
    suite = MotionSuite("reappear", "medium", seed=3, num_frames=16, hidden=hidden)
    for i in range(6):
        *things, wall = suite.scene("train", i).tracks
        things = [track for track in things if track.role == "hidden"]
        seen = [
            any(sticks_out(track.boxes[t], wall.boxes[t]) > 0 for track in things)
            for t in range(16)
        ]
        assert 16 - sum(seen) in (int(hidden), int(hidden) + 1)


@pytest.mark.parametrize(
    ("task", "hidden", "message"),
    [("reappear", 13, "hidden must be at most 12"), ("direction", 4, "task of hidden must be")],
)
def test_times_of_hiding_that_make_no_sense(task, hidden, message):
    with pytest.raises(ValueError, match=message):
        MotionSuite(task, num_frames=16, hidden=hidden)


def sticks_out(box, wall):
    """By how many pixels a box reaches beyond another one."""
    before = wall[:2] - box[:2]
    behind = (box[:2] + box[2:]) - (wall[:2] + wall[2:])
    return max(*before, *behind)


def test_zoomed_windows_show_the_same_picture():
    suite = MotionSuite("camera", "easy", seed=11)
    for i in range(14):
        frames, label = suite.clip("train", i)
        changes = np.abs(np.diff(frames.astype(float), axis=0)).mean()
        if suite.class_names[label] == "still":
            assert changes == 0
        else:
            assert changes > 1
