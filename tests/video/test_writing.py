import numpy as np

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
