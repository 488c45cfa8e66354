import os
import sys
import threading

import av
import numpy as np
import pytest
import torch

from conftest import numbered_frames
from motionlens.video.frames import VideoError
from motionlens.video.source import is_endless, open_source, source_name


def read_all(source, **options):
    opened = open_source(source, **options)
    try:
        found = [(frame.time_s, frame.load()) for frame in opened]
    finally:
        opened.close()
    return found, opened


def test_arrays_and_folders(tmp_path):
    from PIL import Image

    pictures = numbered_frames(5)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    for source in (pictures, torch.from_numpy(pictures), tmp_path):
        found, opened = read_all(source, fps=2.0)
        assert [time_s for time_s, _ in found] == [0.0, 0.5, 1.0, 1.5, 2.0]
        assert torch.equal(found[3][1], torch.from_numpy(pictures[3]).permute(2, 0, 1))
        assert not opened.is_live
        assert not is_endless(source)


def test_nothing_there_and_no_video(tmp_path):
    with pytest.raises(VideoError, match="nothing is there"):
        open_source(tmp_path / "nix.mp4")
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(VideoError, match="cannot be read as a video"):
        open_source(tmp_path / "a.mp4")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_gives_all_frames_and_waits(tmp_path, make_video):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    video = make_video("a.ts", num_frames=40, container={"muxdelay": "0"})
    writer = threading.Thread(target=lambda: path.write_bytes(video.read_bytes()))
    writer.start()
    found, opened = read_all(path)
    writer.join()
    assert len(found) == 40
    assert (opened.is_live, is_endless(path)) == (False, True)


@pytest.mark.skipif("lavfi" not in av.formats_available, reason="FFmpeg without lavfi")
def test_a_device_of_ffmpeg_is_live():
    address = "lavfi://testsrc2=size=32x24:rate=10"
    opened = open_source(address)
    frames = iter(opened)
    times = [next(frames).time_s for _ in range(25)]
    opened.close()
    np.testing.assert_allclose(times, np.arange(25) / 10, atol=1e-6)
    assert opened.is_live
    assert is_endless(address)


def test_cameras_that_are_not_there():
    if sys.platform == "linux":
        with pytest.raises(VideoError, match="camera 77: .*check that there is such a camera"):
            open_source(77)
    with pytest.raises(VideoError, match="must be at least 0, got -1"):
        open_source(-1)


def test_an_address_that_does_not_answer():
    # Nothing listens on that port of this machine.
    with pytest.raises(VideoError, match=r"tcp://127.0.0.1:9/x: cannot be .*check the address"):
        open_source("tcp://127.0.0.1:9/x")


def test_names_and_ends():
    assert source_name("rtsp://u:p@ss@host/x") == "rtsp://u:***@host/x"
    assert source_name("rtsp://host:554/x@y") == "rtsp://host:554/x@y"
    assert source_name("a:b@c.mp4") == "a:b@c.mp4"
    assert source_name(np.zeros((1, 2, 2, 3), np.uint8)) == "array"
    assert is_endless("rtsp://host/x")
    assert is_endless(0)
    assert not is_endless("nix.mp4")
    assert not is_endless(np.zeros((1, 2, 2, 3), np.uint8))
