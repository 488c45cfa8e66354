from fractions import Fraction

import av
import numpy as np
import pytest

from motionlens.datasets.decode_check import Job, check_video
from motionlens.datasets.frame_rates import count_rates, describe_rates
from motionlens.video.rate import frame_rate


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "avi"])
@pytest.mark.parametrize(("fps", "num_frames"), [(30, 51), (25, 43), (60, 101)])
def test_the_rate_is_that_of_the_frames_whatever_the_head_declares(
    tmp_path, suffix, fps, num_frames
):
    path = tmp_path / f"a.{suffix}"
    _write_without_durations(path, fps, num_frames)
    found = frame_rate(path, fps=1.0)
    assert found == pytest.approx(fps, abs=0.04)
    # Training prints what preparing prints.
    prepared = check_video(Job(str(path))).fps
    assert count_rates([found]) == count_rates([prepared]) == {float(fps): 1}


def test_a_single_frame_has_the_rate_that_is_declared(tmp_path):
    for suffix in ("mp4", "avi"):
        _write_without_durations(tmp_path / f"a.{suffix}", 25, 1)
        assert frame_rate(tmp_path / f"a.{suffix}", fps=1.0) > 0


def test_rates_stand_in_the_same_order_whatever_their_numbers():
    for counts in ({25.0: 1, 30.0: 7, 60.0: 2}, {25.0: 5, 30.0: 1, 60.0: 3}):
        words = describe_rates(counts)
        assert [float(part.split()[0]) for part in words.split(", ")] == [25.0, 30.0, 60.0]


def _write_without_durations(path, fps, num_frames):
    """Frames with times in a fine unit and nothing that says how long each lasts."""
    unit_s = Fraction(1, fps if path.suffix == ".avi" else 60_000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4")
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = unit_s
        for number in range(num_frames):
            picture = np.full((32, 32, 3), 2 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = round(number / fps / unit_s), unit_s
            for packet in stream.encode(frame):
                packet.duration = 0
                container.mux(packet)
        container.mux(stream.encode())
