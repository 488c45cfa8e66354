import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlens.clips.sampling import Sampling, sample_indices, spread_indices
from motionlens.clips.timeline import Timeline


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


def at(fps, duration_s=2.0, start_s=0.0):
    return Timeline(start_s + np.arange(round(duration_s * fps)) / fps, float(fps))


def changing(duration_s, seed=0):
    """12 to 60 frames a second, at random."""
    times_s = np.cumsum(np.random.default_rng(seed).choice([1, 2, 3, 4, 5], 2000)) / 60
    return Timeline(np.concatenate([[0.0], times_s[times_s < duration_s]]), 25.5)


RATES = (10, 25, 30, 60, 120)


@pytest.mark.parametrize("seconds", [0.4, 0.8, 0.96, 1.5, 2.0, 5.0, "whole"])
@pytest.mark.parametrize("num_clips", [1, 2, 5])
@pytest.mark.parametrize("duration_s", [0.4, 2.0, 3.4])
def test_any_frame_rate_gives_the_same_clips_within_a_frame(seconds, num_clips, duration_s):
    sampling = Sampling(8, seconds=seconds)
    finest = at(1200, duration_s)
    wanted = finest.times_s[spread_indices(finest, sampling, num_clips)]
    for video in [*(at(fps, duration_s) for fps in RATES), changing(duration_s)]:
        taken = video.times_s[spread_indices(video, sampling, num_clips)]
        interval = np.diff(video.times_s).max()
        assert np.abs(taken - wanted).max() <= interval + 2e-3
        step = min(duration_s if seconds == "whole" else seconds, duration_s) / 8
        is_constant = video.fps in RATES
        if is_constant and step >= interval and (seconds != "whole" or num_clips == 1):
            assert np.abs(taken - wanted).max() <= interval / 2 + 2e-3


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [40, 41, 56, 75])
def test_seconds_that_are_whole_frames_are_a_stride(stride, n):
    video = Timeline(np.arange(n) / 25, 25.0)
    counted = sample_indices(video, Sampling(5, stride))
    timed = sample_indices(video, Sampling(5, seconds=5 * stride / 25))
    assert (np.diff(timed) == stride).all()
    # The middle of the time that frames are shown may be half a frame later.
    assert abs(int(timed[0] - counted[0])) <= 1
    rounded = Timeline(np.round(video.times_s, 3), 25.0)  # as Matroska stores them
    assert sample_indices(rounded, Sampling(5, seconds=5 * stride / 25)).tolist() == timed.tolist()


def test_times_count_from_the_first_frame():
    sampling = Sampling(8, seconds=0.8)
    for fps in RATES:
        late = at(fps, start_s=7.25)
        assert sample_indices(late, sampling).tolist() == sample_indices(at(fps), sampling).tolist()


def test_a_clip_is_at_most_as_long_as_its_video():
    for video in (at(30, 0.5), at(10, 0.5), changing(0.5)):
        whole = sample_indices(video, Sampling(8, seconds="whole"))
        assert sample_indices(video, Sampling(8, seconds=4.0)).tolist() == whole.tolist()
        assert (np.diff(whole) >= 0).all()
        assert whole[0] <= 1
        assert whole[-1] >= len(video.times_s) - 2
    one = Timeline(np.zeros(1), 25.0)
    assert sample_indices(one, Sampling(3, seconds=4.0)).tolist() == [0, 0, 0]


def test_frames_repeat_where_there_are_fewer_than_the_clip_wants():
    assert sample_indices(at(5, 2.0), Sampling(8, seconds=0.8)).tolist() == [3, 4, 4, 5, 5, 6, 6, 7]


def test_whole_is_what_segments_are_at_a_constant_rate():
    for n in (8, 24, 61, 100):
        whole = sample_indices(at(25, n / 25), Sampling(8, seconds="whole"))
        segments = sample_indices(n, Sampling(8, mode="segments"))
        assert np.abs(whole - segments).max() <= 1


def test_training_clips_lie_anywhere_in_the_video_and_keep_their_length():
    rng, video = np.random.default_rng(0), at(30)
    clips = np.stack([sample_indices(video, Sampling(5, seconds=0.5), rng) for _ in range(400)])
    assert set(clips[:, 0]) == set(range(48))  # from 0 to 1.6 s
    assert set(clips[:, 4]) == set(range(12, 60))
    assert set(np.diff(clips).ravel()) == {3}
    whole = np.stack([sample_indices(video, Sampling(5, seconds="whole"), rng) for _ in range(400)])
    assert set(whole[:, 0]) <= set(range(13))
    assert set(whole[:, 4]) <= set(range(48, 60))
    assert len(set(whole[:, 2])) >= 11


@pytest.mark.parametrize(("jitter", "farthest"), [(0.2, 3), (0.5, 7)])
def test_time_jitter_moves_every_frame_by_a_share_of_the_step(jitter, farthest):
    video, sampling = at(60, 1.0), Sampling(4, seconds=1.0)  # 4 frames, 15 frames of it apart

    def chosen(seed, time_jitter=0.0):
        rng = np.random.default_rng(seed)
        return sample_indices(video, sampling, rng, time_jitter=time_jitter)

    moved = np.stack([chosen(seed, jitter) for seed in range(400)])
    away = moved - np.stack([chosen(seed) for seed in range(400)])
    # Each frame by itself, up to jitter * 15 frames on either side, and rounded.
    assert (away.max(0) >= farthest).all()
    assert (away.min(0) <= -farthest).all()
    assert np.abs(away).max() <= farthest + 1
    assert len({tuple(row) for row in away.tolist()}) > 300
    assert (np.diff(moved) >= 0).all()


def test_time_jitter_does_not_touch_evaluation_or_clips_that_count_frames():
    video, sampling = at(30), Sampling(5, seconds=0.5)
    expected = sample_indices(video, sampling).tolist()
    assert sample_indices(video, sampling, time_jitter=0.4).tolist() == expected
    counted = [
        sample_indices(video, Sampling(5, 3), np.random.default_rng(4), time_jitter=jitter)
        for jitter in (0.0, 0.4)
    ]
    assert counted[0].tolist() == counted[1].tolist()


@pytest.mark.parametrize("seconds", [1.0, "whole"])
def test_a_clip_may_be_a_shorter_stretch_anywhere_in_it(seconds):
    video, sampling = at(60, 1.0), Sampling(4, seconds=seconds)
    drawn = np.stack(
        [
            sample_indices(video, sampling, np.random.default_rng(seed), min_length=0.5)
            for seed in range(400)
        ]
    )
    steps = np.diff(drawn, axis=1).mean(1)
    assert 7 <= steps.min() < 8.5  # of 15 frames, the rest of a part rounded
    assert 14 < steps.max() <= 15.5
    assert drawn.min() <= 5
    assert drawn.max() >= 54
    middle = sample_indices(video, sampling, None, min_length=0.5)
    assert middle.tolist() == sample_indices(video, sampling).tolist()


GAP = Timeline(np.concatenate([np.arange(30) / 25, 6.2 + np.arange(20) / 25]), 25.0)


@pytest.mark.parametrize("sampling", [Sampling(4, 3), Sampling(4, seconds=0.48)])
def test_no_clip_goes_across_a_gap(sampling):
    rng = np.random.default_rng(0)
    clips = [*(sample_indices(GAP, sampling, rng) for _ in range(200))]
    clips += [*spread_indices(GAP, sampling, 9), sample_indices(GAP, sampling)]
    sides = {(clip < 30).all() * 1 - (clip >= 30).all() * 1 for clip in clips}
    assert sides == {1, -1}
    assert all(set(np.diff(clip)) == {3} for clip in clips)
    # Longer than either side: the longer side stands for the video.
    for longer in (Sampling(4, 12), Sampling(4, seconds=3.0), Sampling(4, seconds="whole")):
        assert (sample_indices(GAP, longer) < 30).all()


def test_frames_that_lead_are_apart_in_time_too():
    sampling = Sampling(2, seconds=0.8, lead=2)
    for fps, indices in ((25, [13, 14, 15, 23, 24, 25]), (50, [27, 29, 31, 47, 49, 51])):
        found = sample_indices(at(fps, 1.6), sampling)
        assert np.abs(found - indices).max() <= 1
        assert set(np.diff(found.reshape(2, 3)).ravel()) == {fps // 25}


def test_seconds_need_times():
    with pytest.raises(ValueError, match="times of the frames must be given"):
        sample_indices(9, Sampling(3, seconds=1.0))


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan"), "all", True, [1]])
def test_refuses_other_lengths(value):
    with pytest.raises(ValueError, match="seconds"):
        Sampling(8, seconds=value)
