import json
import shutil

import pytest

from mini_datasets import classes_of, write_mini
from motionlens.datasets.catalog.names import CATALOG

NAMES = ("jester", "something-v1", "something-v2")


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def root(name, tmp_path):
    return write_mini(name, tmp_path / "copy")


def paths(copy):
    return {part: [entry.path for entry in entries] for part, entries in copy.parts.items()}


def test_official_layout(name, root):
    copy = CATALOG[name].read(root)
    shown, everything = classes_of(name)
    assert {part: len(entries) for part, entries in copy.parts.items()} == {
        "train": 12, "validation": 4, "test": 4,
    }  # fmt: skip
    assert [entry.label for entry in copy.parts["validation"]] == shown
    assert {entry.label for entry in copy.parts["test"]} == {""}
    assert all((root / p).exists() for part in paths(copy).values() for p in part)
    wanted = sorted(everything) if name == "something-v1" else everything
    assert copy.class_names == tuple(wanted)
    assert copy.notes == ()


def test_lists_in_a_folder_of_their_own_with_short_names(name, root):
    official = CATALOG[name].read(root)
    (root / "Labels").mkdir()
    for path in [p for p in root.iterdir() if p.is_file()]:
        path.rename(root / "Labels" / path.name.rpartition("-")[2].capitalize())
    moved = CATALOG[name].read(root)
    assert moved.parts == official.parts
    assert moved.class_names == official.class_names


def test_videos_one_level_too_deep_or_in_the_root(name, root):
    official = next(p for p in root.iterdir() if p.is_dir())
    (root / "x").mkdir()
    official.rename(root / "x" / official.name)
    (root / "x").rename(official)
    deep = CATALOG[name].read(root)
    assert all((root / p).exists() for part in paths(deep).values() for p in part)
    for video in (official / official.name).iterdir():
        video.rename(root / video.name)
    shutil.rmtree(official)
    flat = CATALOG[name].read(root)
    assert all((root / p).exists() for part in paths(flat).values() for p in part)


def test_without_test_list(name, root):
    next(root.glob("*-test.*")).unlink()
    copy = CATALOG[name].read(root)
    assert set(copy.parts) == {"train", "validation"}
    assert copy.notes == ("There is no list of the test part, so it is left out.",)


def test_without_class_names(name, root):
    next(root.glob("*-labels.*")).unlink()
    copy = CATALOG[name].read(root)
    assert copy.class_names == tuple(sorted(classes_of(name)[0]))
    assert "in alphabetical order" in copy.notes[0]


@pytest.mark.parametrize("part", ["train", "validation"])
def test_missing_list(name, root, part):
    next(root.glob(f"*-{part}.*")).unlink()
    with pytest.raises(ValueError, match=f"must hold the list of the {part} part, looked for"):
        CATALOG[name].read(root)


def test_no_video_at_all(name, root):
    shutil.rmtree(next(p for p in root.iterdir() if p.is_dir()))
    with pytest.raises(ValueError, match="must hold the videos, none .* looked for 20bn-.*/1"):
        CATALOG[name].read(root)


def test_a_missing_video_has_its_usual_path(name, root):
    official = next(p for p in root.iterdir() if p.is_dir())
    video = next(p for p in official.iterdir() if p.name.partition(".")[0] == "1")
    shutil.rmtree(video) if video.is_dir() else video.unlink()
    first = CATALOG[name].read(root).parts["train"][0]
    assert first.path == f"{official.name}/{video.name}"
    assert not (root / first.path).exists()


def test_unknown_class(name, root):
    labels = next(root.glob("*-labels.*"))
    labels.write_text(labels.read_text().replace(classes_of(name)[0][0], "Something else"))
    with pytest.raises(ValueError, match=r"every class of the train list must be in the class"):
        CATALOG[name].read(root)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_video_without_class(tmp_path, part):
    root = write_mini("jester", tmp_path)
    path = root / f"jester-v1-{part}.csv"
    path.write_text(path.read_text().partition(";")[0] + "\n")
    with pytest.raises(ValueError, match=f"the {part} list must name the class of every video"):
        CATALOG["jester"].read(root)


def test_converted_videos_and_frames(tmp_path):
    root = write_mini("something-v2", tmp_path)
    folder = root / "20bn-something-something-v2"
    (folder / "1.webm").rename(folder / "1.mp4")
    (folder / "2.webm").unlink()
    (folder / "2").mkdir()
    entries = CATALOG["something-v2"].read(root).parts["train"]
    assert [e.path.rpartition("/")[2] for e in entries[:3]] == ["1.mp4", "2", "3.webm"]


def test_a_folder_for_each_part(tmp_path):
    root = write_mini("jester", tmp_path)
    for part in ("train", "validation"):
        (root / part.capitalize()).mkdir()
        for entry in CATALOG["jester"].read(root).parts[part]:
            (root / entry.path).rename(root / part.capitalize() / entry.path.rpartition("/")[2])
    copy = CATALOG["jester"].read(root)
    assert all(path.startswith("Train/") for path in paths(copy)["train"])
    assert all((root / p).exists() for part in paths(copy).values() for p in part)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("train", "[", "train.json: must be JSON, it is not"),
        ("train", "{}", "train.json: line 1 must have the keys path and label, it has none"),
        ("train", "[]", "train.json: names no video"),
        ("train", "[{}]", "train.json: video 1 must have the keys path and label, it has none"),
        ("train", '[{"id": 1, "template": [3]}]', r"video 1 must have a label, got \[3\]"),
        ("labels", "[]", "labels.json: must give every class its number"),
        ("labels", '{"a": "x"}', "labels.json: must give every class its number"),
    ],
)
def test_damaged_json(tmp_path, file, text, message):
    root = write_mini("something-v2", tmp_path)
    (root / f"something-something-v2-{file}.json").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        CATALOG["something-v2"].read(root)
    assert "\n" not in str(caught.value)


def test_classes_of_v2_are_ordered_by_their_numbers(tmp_path):
    root = write_mini("something-v2", tmp_path)
    path = root / "something-something-v2-labels.json"
    numbers = json.loads(path.read_text())
    turned = {name: str(len(numbers) - 1 - int(number)) for name, number in numbers.items()}
    path.write_text(json.dumps(turned))
    assert CATALOG["something-v2"].read(root).class_names == tuple(numbers)[::-1]


def test_real_jester_lists(test_data, tmp_path):
    shared = test_data / "data" / "labels"
    for part in ("train", "validation"):
        (tmp_path / f"jester-v1-{part}.csv").symlink_to(shared / f"jester-v1-{part}.csv")
    (tmp_path / "jester-v1-labels.csv").symlink_to(shared / "jester-v1-labels.csv")
    (tmp_path / "20bn-jester-v1" / "34870").mkdir(parents=True)
    spec = CATALOG["jester"]
    copy = spec.read(tmp_path)
    assert {part: len(entries) for part, entries in copy.parts.items()} == {
        part: spec.num_videos[part] for part in ("train", "validation")
    }
    assert len(copy.class_names) == spec.num_classes
    assert copy.class_names[0] == "Swiping Left"
    assert copy.parts["train"][0].path == "20bn-jester-v1/34870"
    assert copy.parts["train"][0].label == "Drumming Fingers"
