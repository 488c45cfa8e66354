import pytest

from motionlens.video.find import VIDEO_SUFFIXES, expand_folders, find_videos, is_video
from motionlens.video.frames import VideoError


@pytest.fixture
def tree(tmp_path):
    for name in (
        "b.mp4", "a.MP4", "notes.txt", ".hidden.mp4", ".git/x.mp4", "sub/deep/c.webm",
        "frames/1.jpg", "frames/2.jpg", "mixed/d.avi", "mixed/thumbnail.jpg", "empty/readme.md",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_find_videos(tree):
    found = [str(path.relative_to(tree)) for path in find_videos(tree)]
    assert found == ["a.MP4", "b.mp4", "frames", "mixed/d.avi", "sub/deep/c.webm"]


def test_a_frame_folder_is_one_video(tree):
    assert find_videos(tree / "frames") == [tree / "frames"]


def test_links_are_followed_but_not_round_in_circles(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "e.mkv").touch()
    (tree / "linked").symlink_to(elsewhere)
    (tree / "sub" / "up").symlink_to(tree)
    found = [str(path.relative_to(tree)) for path in find_videos(tree)]
    assert found.count("linked/e.mkv") == 1
    assert len(found) == 6


@pytest.mark.parametrize("name", ["b.mp4", "missing"])
def test_find_videos_wants_a_folder(tree, name):
    with pytest.raises(VideoError, match=f"{name}: must be a folder"):
        find_videos(tree / name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b.mp4", True), ("a.MP4", True), ("frames", True), ("mixed", False), ("empty", False),
        ("notes.txt", False), (".hidden.mp4", False), ("missing.mp4", False),
        ("frames/1.jpg", False),
    ],
)  # fmt: skip
def test_is_video(tree, name, expected):
    assert is_video(tree / name) is expected
    assert is_video(str(tree / name)) is expected


def test_suffixes_are_lower_case_with_a_dot():
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in VIDEO_SUFFIXES)


def test_folders_of_videos_are_replaced_by_what_is_in_them(tree, monkeypatch):
    monkeypatch.chdir(tree)
    told = []
    found = expand_folders(
        ["missing.mp4", tree / "frames", "sub", "", "empty", "mixed"],
        lambda name, error: told.append((name, str(error))),
    )
    assert found == ["missing.mp4", str(tree / "frames"), "sub/deep/c.webm", "mixed/d.avi"]
    assert told == [
        ("", "a file's name must not be empty, got ''; name a video"),
        ("empty", "empty: no videos in this folder; name another"),
    ]
    with pytest.raises(VideoError, match="empty: no videos in this folder"):
        expand_folders(["empty"])
