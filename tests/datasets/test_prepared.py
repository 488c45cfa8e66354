import json

import pytest

from motionlens.clips.video_index import ListEntry
from motionlens.datasets.prepared import (
    PreparedSet,
    is_prepared,
    is_unfinished,
    load_description,
    load_part,
    save_description,
    save_part,
)

PREPARED = PreparedSet(
    name="jester",
    class_names=("right; fast", "left, slow"),
    root="..",
    flip_pairs={"right; fast": "left, slow"},
)
ENTRIES = [ListEntry("videos/1,2", "left, slow", 0.5, 2.25), ListEntry("videos/3", "")]


@pytest.fixture
def folder(tmp_path):
    save_part(tmp_path, "train", ENTRIES, [12, None])
    assert not is_prepared(tmp_path)
    save_description(tmp_path, PREPARED)
    return tmp_path


def test_reads_what_it_wrote(folder):
    assert is_prepared(folder)
    assert load_description(folder) == PREPARED
    index = load_part(folder, "train")
    assert index.class_names == PREPARED.class_names
    assert index.labels.tolist() == [1, -1]
    assert index.path(0) == folder / ".." / "videos/1,2"
    assert index.window(0) == (0.5, 2.25)
    assert index.window(1) == (None, None)
    assert index.flip_pairs == PREPARED.flip_pairs


def test_missing_part(folder):
    with pytest.raises(ValueError, match="the data set jester has no test part"):
        load_part(folder, "test")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"name": "x", "class_names": 3}', '{"format_version": 99}']
)
def test_damaged_description(folder, text):
    (folder / "dataset.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"dataset.json: cannot be read .*; run 'motionlens prepare'"
    ):
        load_part(folder, "train")


def test_description_is_plain_json(folder):
    assert json.loads((folder / "dataset.json").read_text())["fps"] == 12.0


@pytest.mark.parametrize("name", ["checked.jsonl", "packing.json"])
def test_unfinished(tmp_path, name):
    assert not is_unfinished(tmp_path)
    (tmp_path / name).write_text("")
    assert is_unfinished(tmp_path)
    save_description(tmp_path, PREPARED)
    assert not is_unfinished(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"root": 1},
        {"root": ["a"]},
        {"class_names": ["a", "a"]},
        {"class_names": [1, 2]},
        {"class_names": ["a", "\x1b[2J"]},
        {"fps": "x"},
        {"fps": -1},
        {"flip_pairs": [1]},
        {"multi_label": "no"},
    ],
    ids=repr,
)
def test_values_of_another_kind_are_refused_with_the_file(tmp_path, change):
    save_description(tmp_path, PREPARED)
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=r"dataset\.json: cannot be read"):
        load_part(tmp_path, "train")
