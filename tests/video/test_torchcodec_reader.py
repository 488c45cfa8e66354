import importlib.util
import os

import numpy as np
import pytest
import torch

from motion_videos import CLASSES, write_video
from motionlens.video.file import open_video

IS_THERE = importlib.util.find_spec("torchcodec") is not None
needs_torchcodec = pytest.mark.skipif(
    not IS_THERE and not os.environ.get("MOTIONLENS_REQUIRE_TORCHCODEC"),
    reason="torchcodec is not installed",
)
# Without times of their own, with hidden frames, of 10 bits, of odd sizes.
LEFT_TO_PYAV = {
    "mmaction2_test_xvid.avi",
    "torchcodec_animated.gif",
    "torchcodec_discard_first_keyframe.mp4",
    "torchcodec_h264_10bits.mp4",
    "torchcodec_sine_stereo_mp2.mpg",
    "torchcodec_testsrc2_odd_height_and_width_mpeg2.mp4",
    "torchcodec_testsrc2_odd_height_and_width_vp9.mp4",
    "torchcodec_testsrc2_vp8.webm",
}


@needs_torchcodec
def test_the_same_frames_of_real_files(clips):
    left_to_pyav = set()
    for path in sorted(path for path in clips.iterdir() if path.is_file()):
        with open_video(path) as reader, open_video(path, decoder="torchcodec") as other:
            assert other.num_frames == reader.num_frames, path.name
            assert np.array_equal(other.times_s, reader.times_s)
            indices = np.linspace(reader.num_frames - 1, 0, 7).astype(int)
            assert torch.equal(other.read(indices).data, reader.read(indices).data), path.name
            if other._decoder is None:
                left_to_pyav.add(path.name)
    assert left_to_pyav == LEFT_TO_PYAV


@needs_torchcodec
def test_the_same_frames_of_a_window(tmp_path):
    path = tmp_path / "x.mp4"
    write_video(path, CLASSES["move_left"], seed=0)
    with (
        open_video(path, start_s=0.2) as reader,
        open_video(path, start_s=0.2, decoder="torchcodec") as other,
    ):
        assert torch.equal(other.read([2, 0]).data, reader.read([2, 0]).data)
        assert other._decoder is not None


@pytest.mark.skipif(IS_THERE, reason="torchcodec is installed")
def test_says_what_to_install(tmp_path):
    path = tmp_path / "x.mp4"
    write_video(path, CLASSES["move_left"], seed=0)
    with pytest.raises(ImportError, match=r"not installed: pip install '\.\[codec\]'"):
        open_video(path, decoder="torchcodec")
