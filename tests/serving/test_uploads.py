import asyncio
import io

import pytest

from motionlens.serving.config import ServingConfig
from motionlens.serving.uploads import clean_name, stored
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("wave.mp4", "wave.mp4"),
        ("../../etc/wave.mp4", "wave.mp4"),
        ("C:\\clips\\wave.mp4", "wave.mp4"),
        ("two\nlines\x1b[31m.mp4", "twolines[31m.mp4"),
        ("x" * 300, "x" * 100),
        (None, "upload"),
        ("folder/", "upload"),
    ],
)
def test_names_are_fit_for_a_message(name, clean):
    assert clean_name(name) == clean


def test_an_upload_is_a_file_as_long_as_it_is_read(make_video, tmp_path):
    content = make_video("a.mp4").read_bytes()
    folder = tmp_path / "uploads"
    folder.mkdir()

    async def store():
        async with stored(io.BytesIO(content), "a.mp4", folder) as path:
            assert path.parent == folder
            assert path.read_bytes() == content

    asyncio.run(store())
    assert list(folder.iterdir()) == []


def test_an_error_names_the_upload_and_not_the_file(tmp_path):
    broken = io.BytesIO(b"\0\0\0\x18ftypmp42" + b"\0" * 600)

    async def store():
        async with stored(broken, "wave.mp4", tmp_path) as path:
            open_video(path)

    with pytest.raises(VideoError, match=r"^wave.mp4: ") as found:
        asyncio.run(store())
    assert str(tmp_path) not in str(found.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_upload_mb": 0}, "max_upload_mb must be above 0 and below inf, got 0"),
        ({"max_megapixels": float("inf")}, "max_megapixels must be above 0 and below inf, got inf"),
        ({"max_batch": 0}, "max_batch must be a whole number of at least 1, got 0"),
        ({"max_wait_ms": -1}, "max_wait_ms must be at least 0 and at most 10000, got -1"),
        ({"decode_seconds": 0}, "decode_seconds must be above 0 and below inf, got 0"),
        ({"decode_threads": 0}, "decode_threads must be a whole number of at least 1, got 0"),
    ],
)
def test_limits_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        ServingConfig(**values)
