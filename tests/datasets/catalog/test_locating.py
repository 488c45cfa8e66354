import pytest

from motionlens.datasets.catalog.locating import LocalCopy, read_lines


@pytest.fixture
def copy(tmp_path):
    for name in ("Labels/Train.csv", "videos/videos/1.webm", "a/B/c"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")
    return LocalCopy(tmp_path)


def test_finds_names_whatever_their_case(copy):
    assert copy.find("labels/train.CSV") == "Labels/Train.csv"
    assert copy.find("A/./b//C") == "a/B/c"
    assert copy.find("") == ""
    assert copy.find("labels/train.csv/x") is None
    assert copy.find("labels/val.csv") is None


def test_the_exact_name_comes_before_another_case(copy, tmp_path):
    for name in ("LIST", "List", "list"):
        (tmp_path / name).write_text(name)
    fresh = LocalCopy(tmp_path)
    assert [fresh.find(name) for name in ("LIST", "List", "list")] == ["LIST", "List", "list"]


def test_folders_also_one_level_too_deep(copy):
    assert copy.folders(["none", "videos", "", "videos"]) == ["videos", "videos/videos", ""]


def test_what_is_missing_is_said_in_one_line(copy, tmp_path):
    with pytest.raises(ValueError, match="must hold the list of the validation part") as caught:
        copy.part_lists(["x-{}.csv"], ["", "labels"], ["validation"])
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: must hold")
    assert "x-validation.csv or x-val.csv" in message
    assert f"{tmp_path}, {tmp_path}/labels; put it there" in message
    assert "\n" not in message


def test_the_root_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="root must be the folder of a data set, .*file is a file"):
        LocalCopy(tmp_path / "file")


def test_reading(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"\xef\xbb\xbf one \r\n\r\ntwo\r\n")
    assert read_lines(path) == ["one", "two"]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="f cannot be read: it is not UTF-8 text; download"):
        read_lines(path)
    path.write_text("\n \n")
    with pytest.raises(ValueError, match="f: is empty"):
        read_lines(path)
    with pytest.raises(ValueError, match="gone cannot be read: No such file"):
        read_lines(tmp_path / "gone")
