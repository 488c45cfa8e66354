import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlens.clips.sampling import Sampling, sample_indices, spread_indices


@pytest.mark.parametrize(
    ("n", "sampling", "expected"),
    [
        (9, Sampling(3, 2), [2, 4, 6]),
        (5, Sampling(3, 2), [0, 2, 4]),  # just fits
        (6, Sampling(3, 2), [0, 2, 4]),  # one spare frame goes to the end
        (4, Sampling(3, 2), [0, 2, 0]),  # repeats from its start: 4 is 0
        (2, Sampling(5, 1), [0, 1, 0, 1, 0]),
        (3, Sampling(4, 2), [0, 2, 1, 0]),
        (1, Sampling(3, 7), [0, 0, 0]),
        (24, Sampling(8, 3), [1, 4, 7, 10, 13, 16, 19, 22]),
        (9, Sampling(3, mode="segments"), [1, 4, 7]),
        (5, Sampling(2, mode="segments"), [1, 3]),
        (2, Sampling(4, mode="segments"), [0, 0, 1, 1]),
        (1, Sampling(3, mode="segments"), [0, 0, 0]),
        (8, Sampling(8, mode="segments"), list(range(8))),
    ],
)
def test_middle(n, sampling, expected):
    indices = sample_indices(n, sampling)
    assert indices.dtype == np.int64
    assert indices.tolist() == expected


def test_random_dense_reaches_every_start_and_no_other():
    rng = np.random.default_rng(0)
    clips = {tuple(sample_indices(8, Sampling(3, 2), rng).tolist()) for _ in range(200)}
    assert clips == {(0, 2, 4), (1, 3, 5), (2, 4, 6), (3, 5, 7)}


def test_random_segments_stay_in_their_parts_and_fill_them():
    rng = np.random.default_rng(0)
    clips = np.stack([sample_indices(9, Sampling(3, 1, "segments"), rng) for _ in range(200)])
    for part in range(3):
        assert set(clips[:, part].tolist()) == {3 * part, 3 * part + 1, 3 * part + 2}


def test_short_video_begins_at_its_start_also_at_random():
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert sample_indices(4, Sampling(3, 2), rng).tolist() == [0, 2, 0]


@given(
    n=st.integers(1, 60),
    num_frames=st.integers(1, 40),
    stride=st.integers(1, 9),
    mode=st.sampled_from(["dense", "segments"]),
    seed=st.none() | st.integers(0, 99),
)
def test_always_in_range_and_as_many_as_asked_for(n, num_frames, stride, mode, seed):
    rng = None if seed is None else np.random.default_rng(seed)
    sampling = Sampling(num_frames, stride, mode)
    indices = sample_indices(n, sampling, rng)
    assert indices.shape == (num_frames,)
    assert indices.min() >= 0
    assert indices.max() < n
    if mode == "segments" or sampling.span <= n:
        assert (np.diff(indices) >= 0).all()
    if mode == "dense":
        assert ((np.diff(indices) - stride) % n == 0).all()


@pytest.mark.parametrize("n", [0, -3])
def test_refuses_a_video_without_frames(n):
    with pytest.raises(
        ValueError, match=f"num_frames_in_video must be a whole number of at least 1, got {n}"
    ):
        sample_indices(n, Sampling(3))


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", True])
def test_refuses_other_numbers(value):
    with pytest.raises(ValueError, match="num_frames must be a whole number of at least 1"):
        Sampling(value)
    with pytest.raises(ValueError, match="frame_stride must be a whole number of at least 1"):
        Sampling(8, value)


def test_refuses_other_modes():
    with pytest.raises(ValueError, match=r"mode must be one of dense, segments, got 'x'"):
        Sampling(8, 1, "x")


DENSE = Sampling(3, 2)  # span 5


def starts(num_clips, n, sampling=DENSE):
    indices = spread_indices(n, sampling, num_clips)
    assert indices.dtype == np.int64
    assert indices.shape == (num_clips, sampling.num_frames)
    return indices[:, 0].tolist()


@pytest.mark.parametrize(
    ("num_clips", "n", "expected"),
    [
        (1, 10, [2]),  # centred: 5 spare frames, 2 before
        (2, 10, [0, 5]),
        (4, 10, [0, 1, 3, 5]),  # 5/3, 10/3 rounded down
        (8, 26, [0, 3, 6, 9, 12, 15, 18, 21]),  # 21 spare frames, 21/7 apart
        (3, 5, [0, 0, 0]),  # just fits
        (3, 4, [0, 0, 0]),  # repeats from its start
        (10, 7, [0, 0, 0, 0, 0, 1, 1, 1, 1, 2]),  # fewer places than clips
    ],
)
def test_dense_clips_start_evenly_spaced_from_first_to_last_possible(num_clips, n, expected):
    assert starts(num_clips, n) == expected


def test_a_short_video_repeats_in_every_clip():
    assert spread_indices(4, DENSE, 2).tolist() == [[0, 2, 0]] * 2


@pytest.mark.parametrize(
    ("num_clips", "n", "expected"),
    [
        (1, 9, [[1, 4, 7]]),
        (3, 9, [[0, 3, 6], [1, 4, 7], [2, 5, 8]]),
        # Segments [0, 8/3) [8/3, 16/3) [16/3, 8): a quarter in 0.67 3.33 6, three quarters 2 4.67
        # 7.33.
        (2, 8, [[0, 3, 6], [2, 4, 7]]),
        (2, 1, [[0, 0, 0], [0, 0, 0]]),
    ],
)
def test_segments_are_met_at_different_places(num_clips, n, expected):
    found = spread_indices(n, Sampling(3, mode="segments"), num_clips)
    assert found.tolist() == expected


@given(
    n=st.integers(1, 90),
    num_frames=st.integers(1, 40),
    stride=st.integers(1, 9),
    num_clips=st.integers(1, 12),
    mode=st.sampled_from(["dense", "segments"]),
)
def test_clips_lie_in_the_video_and_one_is_the_usual_one(n, num_frames, stride, num_clips, mode):
    sampling = Sampling(num_frames, stride, mode)
    found = spread_indices(n, sampling, num_clips)
    assert found.min() >= 0
    assert found.max() < n
    assert spread_indices(n, sampling, 1)[0].tolist() == sample_indices(n, sampling).tolist()
    if mode == "dense" and num_clips > 1 and n >= sampling.span:
        assert found[0, 0] == 0
        assert found[-1, -1] == n - 1


def test_several_clips_of_a_video_without_frames():
    with pytest.raises(
        ValueError, match="num_frames_in_video must be a whole number of at least 1, got 0"
    ):
        spread_indices(0, DENSE)
