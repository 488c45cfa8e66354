import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motionlens.clips.sampling import Sampling, sample_indices
from motionlens.clips.views import CROP_NUMBERS, Crop, Views

DENSE = Sampling(3, 2)  # span 5


def starts(num_clips, n, sampling=DENSE):
    indices = Views(num_clips).clip_indices(n, sampling)
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
    assert Views(2).clip_indices(4, DENSE).tolist() == [[0, 2, 0]] * 2


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
    found = Views(num_clips).clip_indices(n, Sampling(3, mode="segments"))
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
    found = Views(num_clips).clip_indices(n, sampling)
    assert found.min() >= 0
    assert found.max() < n
    assert Views(1).clip_indices(n, sampling)[0].tolist() == sample_indices(n, sampling).tolist()
    if mode == "dense" and num_clips > 1 and n >= sampling.span:
        assert found[0, 0] == 0
        assert found[-1, -1] == n - 1


def lefts(crops, height=100, width=175, size=88):
    return [(c.top, c.left) for c in Views(1, crops).crop_boxes(height, width, size)]


def test_squares_along_the_longer_side_by_hand():
    assert lefts(3) == [(0, 0), (0, 37), (0, 75)]
    assert lefts(5) == [(0, 0), (0, 18), (0, 37), (0, 56), (0, 75)]
    # 75 // 5 = 15 and its multiples; 78 // 5 = 15 too, but the last one touches the edge.
    assert [left for _, left in lefts(6)] == [0, 15, 30, 45, 60, 75]
    assert [left for _, left in lefts(6, width=178)] == [0, 15, 30, 45, 60, 78]
    assert [left for _, left in lefts(8)] == [0, 10, 21, 32, 42, 53, 64, 75]
    assert lefts(3, height=175, width=100) == [(0, 0), (37, 0), (75, 0)]
    assert lefts(3, width=100) == [(0, 0)] * 3


@pytest.mark.parametrize("crops", [3, 5, 6, 8])
def test_squares_are_as_large_as_the_short_side(crops):
    boxes = Views(1, crops).crop_boxes(100, 175, 88)
    assert {(box.height, box.width, box.is_mirrored) for box in boxes} == {(100, 100, False)}


def test_centre_corners_and_whole_frame_by_hand():
    assert Views().crop_boxes(101, 175, 88) == [Crop(6, 43, 88, 88)]
    ten = Views(1, 10).crop_boxes(101, 175, 88)
    assert [(c.top, c.left) for c in ten[:5]] == [(0, 0), (0, 87), (13, 0), (13, 87), (6, 43)]
    assert [crop._replace(is_mirrored=False) for crop in ten[5:]] == ten[:5]
    assert [crop.is_mirrored for crop in ten] == [False] * 5 + [True] * 5
    assert Views(1, "full").crop_boxes(101, 175, 88) == [Crop(0, 0, 101, 175)]


@pytest.mark.parametrize("crops", [*CROP_NUMBERS, "full"])
def test_as_many_crops_as_announced(crops):
    views = Views(2, crops)
    assert len(views.crop_boxes(30, 40, 20)) == views.num_crops
    assert views.num_views == 2 * views.num_crops


def test_parsing():
    assert Views.parse("8x6") == Views(8, 6)
    assert Views.parse(" 8xfull") == Views(8, "full")
    assert str(Views(8, "full")) == "8xfull"
    assert Views.parse(str(Views())) == Views()


@pytest.mark.parametrize("text", ["8", "x6", "8x", "8*6", "-1x3", "8xhalf", "8x6x2", ""])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="views must be CLIPSxCROPS such as 8x6 or 8xfull, got"):
        Views.parse(text)


def test_other_numbers_are_refused():
    with pytest.raises(ValueError, match="num_clips must be a whole number of at least 1, got 0"):
        Views.parse("0x3")
    with pytest.raises(ValueError, match="crops must be one of 1, 3, 5, 6, 8, 10 or full, got 4"):
        Views.parse("2x4")
    with pytest.raises(
        ValueError, match="num_frames_in_video must be a whole number of at least 1, got 0"
    ):
        Views().clip_indices(0, DENSE)
