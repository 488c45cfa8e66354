import math

import numpy as np
import pytest
import torch

from motionlens.video.file import open_video
from motionlens.video.frames import Frames, VideoError

DATA = torch.zeros(2, 3, 4, 6, dtype=torch.uint8)
TIMES = torch.tensor([0.0, 0.1], dtype=torch.float64)


def test_repr_tells_shapes_not_pixels():
    assert repr(Frames(DATA, TIMES, 10.0)) == (
        "Frames(2 frames of 6x4 px, 0.000 to 0.100 s, 10 per s)"
    )
    assert len(Frames(DATA, TIMES, 10.0)) == 2


@pytest.mark.parametrize("data", [DATA.float(), DATA[0], DATA.permute(0, 2, 3, 1), DATA[:0]])
def test_refuses_other_data(data):
    with pytest.raises(ValueError, match=r"data must be uint8 \(T, 3, H, W\)"):
        Frames(data, TIMES, 10.0)


@pytest.mark.parametrize("times_s", [TIMES.float(), TIMES[:1]])
def test_refuses_other_times(times_s):
    with pytest.raises(ValueError, match=r"times_s must be float64 \(2,\)"):
        Frames(DATA, times_s, 10.0)


@pytest.mark.parametrize("fps", [0.0, -1.0, math.nan, math.inf])
def test_refuses_other_rates(fps):
    with pytest.raises(ValueError, match="fps must be above 0"):
        Frames(DATA, TIMES, fps)
    with pytest.raises(ValueError, match="fps must be above 0"):
        open_video(np.zeros((2, 4, 4, 3), np.uint8), fps=fps)


def test_error_from_a_worker_is_one_line_again():
    text = "Caught VideoError in DataLoader worker process 0.\nOriginal Traceback:\n  File x\n"
    error = VideoError(
        f"{text}motionlens.video.frames.VideoError: a.mp4: is empty; copy it again\n"
    )
    assert str(error) == "a.mp4: is empty; copy it again"
    assert str(VideoError("a.mp4: is empty")) == "a.mp4: is empty"


class TestReader:
    @pytest.fixture
    def reader(self):
        levels = np.arange(12, dtype=np.uint8)[:, None, None, None]
        return open_video(np.broadcast_to(levels, (12, 4, 6, 3)), fps=10.0)

    @pytest.mark.parametrize("indices", [[0], [3, 1, 2], [5, 5, 0, 5], range(12)])
    def test_order_and_repeats(self, reader, indices):
        frames = reader.read(indices)
        assert frames.data[:, 0, 0, 0].tolist() == list(indices)
        assert frames.times_s.tolist() == pytest.approx([i / 10 for i in indices])

    @pytest.mark.parametrize("indices", [[], [0.5], [[0, 1]], ["a"]])
    def test_refuses_what_is_no_list_of_numbers(self, reader, indices):
        with pytest.raises(ValueError, match="indices must be a list of at least one whole number"):
            reader.read(indices)

    @pytest.mark.parametrize("indices", [[-1], [12], [0, 99]])
    def test_refuses_numbers_outside(self, reader, indices):
        with pytest.raises(ValueError, match=r"indices must lie in 0\.\.11"):
            reader.read(indices)

    @pytest.mark.parametrize(
        ("start_s", "end_s", "numbers"),
        [
            (None, 0.3, [0, 1, 2]),
            (0.9, None, [9, 10, 11]),
            (0.3, 0.6, [3, 4, 5]),  # 0.3 and 0.6 are no exact floats; the frames at them count
            (0.25, 0.35, [3]),
            (0.0, 99.0, list(range(12))),
        ],
    )
    def test_window(self, start_s, end_s, numbers):
        levels = np.arange(12, dtype=np.uint8)[:, None, None, None]
        video = np.broadcast_to(levels, (12, 4, 6, 3))
        with open_video(video, fps=10.0, start_s=start_s, end_s=end_s) as reader:
            assert reader.num_frames == len(numbers)
            frames = reader.read(range(reader.num_frames))
        assert frames.data[:, 0, 0, 0].tolist() == numbers
        assert frames.times_s.tolist() == pytest.approx([n / 10 for n in numbers])

    @pytest.mark.parametrize(("start_s", "end_s"), [(1.2, None), (0.31, 0.39)])
    def test_window_without_frames(self, start_s, end_s):
        with pytest.raises(VideoError, match=r"array: no frame lies between .* the last one is at"):
            open_video(np.zeros((12, 4, 6, 3), np.uint8), fps=10.0, start_s=start_s, end_s=end_s)

    @pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, None), (2.0, 1.0), (math.nan, 1.0)])
    def test_impossible_window(self, start_s, end_s):
        with pytest.raises(VideoError, match="0 <= start < end"):
            open_video(np.zeros((12, 4, 6, 3), np.uint8), start_s=start_s, end_s=end_s)
