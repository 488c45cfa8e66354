import pytest

from motionlens.datasets.check_cache import (
    CheckedVideo,
    Stamp,
    VideoKey,
    append_checked,
    open_cache,
    read_checked,
)

VIDEOS = [
    CheckedVideo(VideoKey("ä/1.mp4", None, None), Stamp(10, 2**60), False, 8, "", ""),
    CheckedVideo(VideoKey("2.mp4", 0.5, 2.25), Stamp(11, 3), True, 0, "empty", "cut short"),
]


@pytest.fixture
def cache(tmp_path):
    with open_cache(tmp_path / "c.jsonl") as file:
        append_checked(file, VIDEOS[0])
    return tmp_path / "c.jsonl"


def test_reads_what_it_wrote(cache):
    with open_cache(cache) as file:
        append_checked(file, VIDEOS[1])
        # At once, not when the file is closed.
        assert list(read_checked(cache)) == VIDEOS


def test_no_file_yet(tmp_path):
    assert list(read_checked(tmp_path / "none")) == []


@pytest.mark.parametrize(
    "rest", [b"[1, [", b"[]\n", b'{"a": 1}\n', b"\xff\xfe\x00", b"[2, 3, 4, 5, 6, 7]\n"]
)
def test_what_makes_no_sense_is_passed_over_and_written_on(cache, rest):
    with cache.open("ab") as file:
        file.write(rest)
    with open_cache(cache) as file:
        append_checked(file, VIDEOS[1])
    assert list(read_checked(cache)) == VIDEOS
