import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlens.clips.sampling import Sampling, sample_indices


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
    with pytest.raises(ValueError, match=r"mode must be one of \('dense', 'segments'\), got 'x'"):
        Sampling(8, 1, "x")
