from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from motionlens.video.container import is_container, read_fps


@pytest.mark.parametrize(
    ("average", "guessed", "times_s", "fps"),
    [
        (Fraction(30000, 1001), None, [0.0, 1.0], 29.97),
        (None, Fraction(12), [0.0, 1.0], 12.0),
        (None, None, [0.0, 0.1, 0.2], 10.0),
        (None, None, [0.0], 25.0),
    ],
)
def test_rate(average, guessed, times_s, fps):
    container = SimpleNamespace(format=SimpleNamespace(name="mov"))
    stream = SimpleNamespace(average_rate=average, guessed_rate=guessed, container=container)
    assert read_fps(stream, np.array(times_s)) == pytest.approx(fps, abs=0.001)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.mpg", "a.ts", "a.webm", "a.flv"])
def test_containers_of_videos_pass(make_video, name):
    options = {
        "a.mpg": {"codec": "mpeg2video", "fps": 25},
        "a.webm": {"codec": "libvpx"},
        "a.flv": {"codec": "flv1"},
        "a.avi": {"codec": "mpeg4"},
    }
    path = make_video(name, **options.get(name, {}))
    assert is_container(path.read_bytes()[:512])


def test_files_of_all_kinds_of_real_video_pass(test_data):
    files = [path for path in (test_data / "data" / "clips").iterdir() if path.is_file()]
    assert len(files) > 10
    for path in files:
        with path.open("rb") as file:
            assert is_container(file.read(512)), path


@pytest.mark.parametrize(
    "head", [b"#EXTM3U\n", b"ffconcat version 1.0", b"<?xml?><MPD>", b"v=0\r\no=", b"", b"\x47" * 9]
)
def test_texts_that_name_other_files_do_not(head):
    assert not is_container(head)
