import math
import shutil
from collections import Counter

import pytest

from mini_datasets import moving_square, write_file, write_mini
from motionlens.datasets.catalog.names import CATALOG


@pytest.fixture
def root(tmp_path):
    return write_mini("kinetics400", tmp_path / "copy")


def videos(root):
    return sorted(root.rglob("*.mp4"))


def all_there(root, copy):
    paths = [entry.path for entries in copy.parts.values() for entry in entries]
    return len(paths) == len(set(paths)) == 20 and all((root / path).exists() for path in paths)


def test_official_layout(root):
    copy = CATALOG["kinetics400"].read(root)
    assert all_there(root, copy)
    assert [len(copy.parts[part]) for part in ("train", "validation", "test")] == [12, 4, 4]
    assert copy.class_names == tuple(sorted({e.label for e in copy.parts["train"]}))
    assert all(e.path.split("/")[1] == e.label for e in copy.parts["train"])
    assert all(math.isnan(e.start_s) for e in copy.parts["train"])
    assert copy.notes == ()


def test_folders_with_underscores(root):
    for folder in {path.parent for path in videos(root)}:
        folder.rename(folder.with_name(folder.name.replace(" ", "_")))
    assert all_there(root, CATALOG["kinetics400"].read(root))


def test_without_class_folders(root):
    for path in videos(root):
        path.rename(path.parent.parent / path.name)
    assert all_there(root, CATALOG["kinetics400"].read(root))


def test_one_file_in_two_classes(root):
    """Kinetics names some clips in two classes; each folder has its own copy then."""
    entry = CATALOG["kinetics400"].read(root).parts["train"][0]
    other = root / "train" / "another class" / entry.path.rpartition("/")[2]
    other.parent.mkdir()
    shutil.copy(root / entry.path, other)
    part = root / "kinetics-400_train.csv"
    first = part.read_text().splitlines()[1]
    with part.open("a") as lines:
        lines.write(first.replace(entry.label, "another class", 1) + "\n")
    entries = CATALOG["kinetics400"].read(root).parts["train"]
    assert entries[0].path == entry.path
    assert entries[-1].path == str(other.relative_to(root))


@pytest.mark.parametrize("names", ["{}.csv", "kinetics_400_{}.csv", "annotations/{}.csv"])
def test_names_of_lists(root, names):
    for path in root.glob("*.csv"):
        target = root / names.replace("{}", path.stem.rpartition("_")[2].replace("val", "validate"))
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    assert all_there(root, CATALOG["kinetics400"].read(root))


def rename_by_id(root):
    for path in videos(root):
        path.rename(path.with_name(path.stem.rpartition("_")[0].rpartition("_")[0] + ".mp4"))


def test_clips_named_by_their_id(root):
    rename_by_id(root)
    copy = CATALOG["kinetics400"].read(root)
    assert all_there(root, copy)
    assert all(math.isnan(e.start_s) for part in copy.parts.values() for e in part)
    assert copy.notes == ("20 videos are named by their id alone and are clips already.",)


def test_whole_videos_named_by_their_id(root):
    rename_by_id(root)
    for path in videos(root):
        write_file(path, moving_square(0, 0, num_frames=60), fps=2)
    copy = CATALOG["kinetics400"].read(root)
    first = copy.parts["train"][0]
    assert (first.start_s, first.end_s) == (1.0, 11.0)
    assert "are whole videos, of which clips are taken" in copy.notes[0]


def test_missing_videos_and_missing_lists(root):
    missing = videos(root)[:3]
    for path in missing:
        path.unlink()
    (root / "kinetics-400_test.csv").unlink()
    copy = CATALOG["kinetics400"].read(root)
    assert set(copy.parts) == {"train", "validation"}
    assert copy.notes == ("There is no list of the test part.",)
    lost = [e.path for part in copy.parts.values() for e in part if not (root / e.path).exists()]
    assert set(lost) <= {str(path.relative_to(root)) for path in missing}


def test_test_list_without_labels(root):
    path = root / "kinetics-400_test.csv"
    lines = [line.split(",", 1)[1] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    assert {e.label for e in CATALOG["kinetics400"].read(root).parts["test"]} == {""}


def test_no_list(root):
    for path in root.glob("*.csv"):
        path.unlink()
    with pytest.raises(ValueError, match=r"list of the train part, looked for kinetics-400_train"):
        CATALOG["kinetics400"].read(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,id\na,b\n", "must give time_start and time_end of b"),
        ("label,youtube_id,time_start,time_end,split\n", "names no video"),
        ("label,youtube_id,time_start,time_end,split\na,b,5,x,val\n", "end must be seconds"),
        ("label,youtube_id,time_start,time_end,split\na,b,5,5,val\n", "start must come before end"),
        ("label,youtube_id,time_start,time_end,split\na,,5,9,val\n", "line 2 must have a path"),
    ],
)
def test_damaged_lists(root, text, message):
    (root / "kinetics-400_val.csv").write_text(text)
    with pytest.raises(ValueError, match=f"val.csv.* {message}"):
        CATALOG["kinetics400"].read(root)


def test_real_list(test_data, tmp_path):
    shared = test_data / "data" / "labels"
    (tmp_path / "kinetics-600_val.csv").symlink_to(shared / "kinetics-600_val.csv")
    copy = CATALOG["kinetics600"].read(tmp_path)
    assert {part: len(entries) for part, entries in copy.parts.items()} == {"validation": 29093}
    assert list(copy.class_names) == (shared / "kinetics600_label_map.txt").read_text().splitlines()
    assert copy.parts["validation"][0].path == (
        "validation/abseiling/yq_M1PMw2hY_000038_000048.mp4"
    )
    times = Counter(entry.path for entry in copy.parts["validation"])
    assert max(times.values()) == 1
