"""A frame of noise shows nothing; two frames show the figure, by what goes along."""

import numpy as np
import pytest

from motionlens.synthetic.motion_suite.shapes import outline
from motionlens.synthetic.motion_suite.suite import MotionSuite

NUM_CLIPS = 40


def cells(frames):
    """Brightness of every cell of noise, ``(T, 32, 32)``."""
    assert (frames == frames[..., :1]).all()
    assert (frames[:, ::2, ::2] == frames[:, 1::2, 1::2]).all()
    return frames[:, ::2, ::2, 0].astype(float)


def figure(track, t):
    """The cells that a figure covers in a frame, ``(32, 32)``; and its corner."""
    side = round(track.boxes[t, 2] / 2)
    top, left = np.rint(track.boxes[t, :2] / 2).astype(int)
    mask = np.zeros((96, 96), bool)
    mask[32 + top : 32 + top + side, 32 + left : 32 + left + side] = outline(
        track.look.shape, side, side
    )
    return mask[32:64, 32:64], np.array([top, left])


@pytest.fixture(scope="module")
def clips():
    suite = MotionSuite("noise_shape", "easy", seed=2)
    return [
        (cells(suite.clip("train", i)[0]), suite.scene("train", i).tracks[0])
        for i in range(NUM_CLIPS)
    ]


def test_pixels_of_the_figure_are_as_those_of_the_ground(clips):
    inside, outside, beside = [], [], []
    for frames, track in clips:
        mask, _ = figure(track, 4)
        inside.append(frames[4][mask])
        outside.append(frames[4][~mask])
        border = mask[:, 1:] != mask[:, :-1]
        beside.append((frames[4, :, 1:] - frames[4, :, :-1])[border])
    first, second = np.concatenate(inside), np.concatenate(outside)
    error = np.sqrt(first.var() / len(first) + second.var() / len(second))
    assert abs(first.mean() - second.mean()) < 3.3 * error
    assert first.std() == pytest.approx(second.std(), rel=0.03)
    # No edge either: neighbours across the outline are as independent as any.
    across = np.concatenate(beside)
    assert across.var() == pytest.approx(2 * second.var(), rel=0.08)


def test_differences_of_frames_are_the_same_inside_and_outside(clips):
    inside, outside = [], []
    for frames, track in clips:
        for t in range(7):
            (mask, corner), (later, moved) = figure(track, t), figure(track, t + 1)
            if (corner == moved).all():  # at a border
                continue
            difference = np.abs(frames[t + 1] - frames[t])
            inside.append(difference[mask & later])
            outside.append(difference[~mask & ~later])
    first, second = np.concatenate(inside), np.concatenate(outside)
    assert first.mean() == pytest.approx(second.mean(), rel=0.03)
    assert first.std() == pytest.approx(second.std(), rel=0.03)


def test_what_goes_along_is_the_figure(clips):
    for frames, track in clips:
        (mask, corner), (later, moved) = figure(track, 3), figure(track, 4)
        back = np.roll(frames[4], tuple(corner - moved), axis=(0, 1))
        seen = mask & np.roll(later, tuple(corner - moved), axis=(0, 1))
        same = back == frames[3]
        assert same[seen].all()
        assert same[~mask].mean() < 0.05


def test_hard_figures_are_drawn_anew_in_part():
    suite = MotionSuite("noise_shape", "hard", seed=2)
    frames, track = cells_of_hard(suite)
    (mask, corner), (later, moved) = figure(track, 3), figure(track, 4)
    back = np.roll(frames[4], tuple(corner - moved), axis=(0, 1))
    seen = mask & np.roll(later, tuple(corner - moved), axis=(0, 1))
    # Kept in both frames, and then within the noise of the camera.
    assert 0.35 < (np.abs(back - frames[3]) < 20)[seen].mean() < 0.85


def cells_of_hard(suite):
    frames, _ = suite.clip("train", 0)
    return frames[:, ::2, ::2, 0].astype(float), suite.scene("train", 0).tracks[0]


@pytest.mark.parametrize("task", ["noise_direction", "noise_shape"])
@pytest.mark.parametrize("size", [32, 112])
def test_any_size(task, size):
    frames, _ = MotionSuite(task, "easy", size=size).clip("train", 0)
    assert frames.shape == (8, size, size, 3)
