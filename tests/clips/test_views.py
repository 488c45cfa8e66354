import numpy as np
import pytest

from motionlens.clips.views import CROP_NUMBERS, Crop, Views


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


def test_frames_in_another_order():
    clips = np.arange(12).reshape(2, 6)
    assert Views().ordered(clips, 0) is clips
    assert Views(frame_order="still").ordered(clips, 0).tolist() == [[3] * 6, [9] * 6]
    shuffled = Views(frame_order="shuffled")
    first, again, other = (shuffled.ordered(clips, seed) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()
    assert np.sort(first).tolist() == clips.tolist()
    assert (first[1] - first[0] == 6).all()
    with pytest.raises(ValueError, match="frame_order"):
        Views(frame_order="back")
