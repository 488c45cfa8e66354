import numpy as np
import pytest

from motionlens.clips.sampling import Sampling, sample_indices
from motionlens.clips.stream_sampling import StreamSampling
from motionlens.clips.timeline import Timeline, nearest_frames


def pushed(sampling, times_s, fps):
    stream = StreamSampling(sampling, fps)
    found, kept = [], 0
    for number, time_s in enumerate(times_s):
        found += stream.push(float(time_s))
        kept = max(kept, number - stream.oldest)
    return found + stream.finish(), kept


@pytest.mark.parametrize("lead", [0, 3])
@pytest.mark.parametrize("seconds", [0.3, 0.8, 2.0])
@pytest.mark.parametrize("fps", [5, 10, 25, 29.97, 120])
def test_one_by_one_or_all_at_once(seconds, fps, lead):
    sampling = Sampling(8, seconds=seconds, lead=lead)
    times_s = 3.0 + np.round(np.arange(200) / fps, 3)
    found, kept = pushed(sampling, times_s, fps)
    points = (np.arange(len(found)) + 0.5) * sampling.step_s
    expected = nearest_frames(times_s - 3.0, points[:, None] + sampling.lead_s(sampling.step_s))
    assert np.stack([each.numbers for each in found]).tolist() == expected.tolist()
    assert abs(len(found) * sampling.step_s - 200 / fps) <= sampling.step_s
    assert kept <= 2 + fps * 0.04 * lead + (lead > 0)
    assert not any(each.after_gap for each in found)


@pytest.mark.parametrize("fps", [5, 10, 12, 25, 30, 60, 120])
@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_a_source_as_long_as_a_clip_gives_the_clip_that_prediction_takes(fps, seconds):
    times_s = 1.5 + np.arange(round(seconds * fps)) / fps
    sampling = Sampling(8, seconds=seconds)
    found, _ = pushed(sampling, times_s, float(fps))
    alone = sample_indices(Timeline(times_s, float(fps)), sampling)
    assert [each.numbers.tolist() for each in found] == alone[:, None].tolist()


@pytest.mark.parametrize("seed", range(12))
def test_so_does_one_of_changing_rate_about_as_long_as_a_clip(seed):
    # For how long the last frame is shown is a guess, of up to twice the least interval here.
    rng = np.random.default_rng(seed)
    times_s = np.concatenate([[0.0], np.cumsum(rng.choice([1, 2, 3, 4, 5], 99)) / 60])
    times_s = times_s[times_s < 2.0]
    sampling = Sampling(8, seconds=2.0)
    fps = len(times_s) / 2.0
    length_s = times_s[-1] * len(times_s) / (len(times_s) - 1)
    found, _ = pushed(sampling, times_s, fps)
    alone = sample_indices(Timeline(times_s, fps), sampling)
    if length_s >= 2.0 or times_s[-1] >= 1.875:
        assert [each.numbers.tolist() for each in found] == alone[:, None].tolist()
    else:  # shorter than a window: the stream takes prediction's own clip of the file
        assert len(found) < 8


@pytest.mark.parametrize("fps", [10, 25, 30, 60, 120])
@pytest.mark.parametrize("missing_s", [0.04, 0.1, 0.12, 0.2])
def test_so_does_one_that_lacks_a_part_of_its_last_step(fps, missing_s):
    times_s = np.arange(round((2.0 - missing_s) * fps)) / fps
    sampling = Sampling(8, seconds=2.0)
    found, _ = pushed(sampling, times_s, float(fps))
    alone = sample_indices(Timeline(times_s, float(fps)), sampling)
    if len(found) == 8:
        assert [each.numbers.tolist() for each in found] == alone[:, None].tolist()
    else:  # the clip is the whole of the file, its parts a little shorter
        expected = sample_indices(Timeline(times_s, float(fps)), Sampling(8, seconds="whole"))
        assert alone.tolist() == expected.tolist()


def test_strides_count_frames_whatever_the_times():
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 40))
    found, _ = pushed(Sampling(4, 3, lead=1), times_s, 25.0)
    expected = [[max(n - 1, 0), n] for n in range(0, 40, 3)]
    assert [each.numbers.tolist() for each in found] == expected


@pytest.mark.parametrize("sampling", [Sampling(4, 2), Sampling(4, seconds=0.32)])
def test_counting_begins_anew_behind_a_gap(sampling):
    times_s = np.concatenate([np.arange(25) / 25, 6.02 + np.arange(9) / 25])
    found, _ = pushed(sampling, times_s, 25.0)
    behind = [int(each.numbers[0]) for each in found if each.numbers[0] >= 25]
    assert behind == ([25, 27, 29, 31, 33] if sampling.seconds is None else [26, 28, 30, 32])
    before = len(found) - len(behind)
    assert [each.after_gap for each in found] == [False] * before + [True] + [False] * (
        len(behind) - 1
    )


def test_clips_need_a_length():
    for sampling in (Sampling(4, mode="segments"), Sampling(4, seconds="whole")):
        with pytest.raises(ValueError, match="clips of a stream must have a length"):
            StreamSampling(sampling, 25.0)
