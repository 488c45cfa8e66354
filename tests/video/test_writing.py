import numpy as np
import pytest

from conftest import numbered_frames
from motionlens.video.file import open_video
from motionlens.video.writing import write_video


def test_what_is_written_is_read(tmp_path):
    frames = numbered_frames(12)
    write_video(tmp_path / "a.mp4", frames, fps=10)
    with open_video(tmp_path / "a.mp4") as reader:
        assert (reader.num_frames, reader.fps) == (12, 10)
        found = reader.read(range(12)).data.permute(0, 2, 3, 1).numpy()
    assert np.abs(found.astype(int) - frames).max() <= 3


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.zeros((2, 4, 4, 3)), r"frames must be uint8 \(T, H, W, 3\), got float64"),
        (np.zeros((2, 4, 4), np.uint8), r"got uint8 \(2, 4, 4\)"),
        (np.zeros((2, 5, 4, 3), np.uint8), "frames must have even H and W, got 5x4"),
    ],
)
def test_refusals(tmp_path, frames, message):
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "a.mp4", frames)
    assert not list(tmp_path.iterdir())
