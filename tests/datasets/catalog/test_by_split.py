import shutil

import pytest

from mini_datasets import classes_of, write_mini
from motionlens.datasets.catalog.names import CATALOG


@pytest.fixture(params=["ucf101", "hmdb51"])
def name(request):
    return request.param


@pytest.fixture
def root(name, tmp_path):
    return write_mini(name, tmp_path / "copy")


def there(root, copy):
    return all((root / entry.path).exists() for part in copy.parts.values() for entry in part)


def test_official_layout(name, root):
    copy = CATALOG[name].read(root)
    sizes = {part: len(entries) for part, entries in copy.parts.items()}
    assert sizes == {"train": 16 if name == "ucf101" else 12, "validation": 4}
    assert copy.class_names == tuple(classes_of(name)[1])
    assert {entry.label for entry in copy.parts["train"]} == set(classes_of(name)[0])
    assert there(root, copy)
    assert copy.notes == ("The test videos of split 1 are the validation part.",)


def test_three_splits(name, root):
    tested = []
    for split in (1, 2, 3):
        copy = CATALOG[name].read(root, split=split)
        test = {entry.path for entry in copy.parts["validation"]}
        assert not test & {entry.path for entry in copy.parts["train"]}
        tested.append(test)
    assert len(set().union(*tested)) == 12


@pytest.mark.parametrize("split", [0, 4])
def test_other_splits(name, root, split):
    with pytest.raises(ValueError, match=f"split must be 1, 2 or 3, got {split}"):
        CATALOG[name].read(root, split=split)


def test_official_counts_are_those_of_the_split(tmp_path):
    root = write_mini("ucf101", tmp_path)
    totals = set()
    for split in (1, 2, 3):
        counts = CATALOG["ucf101"].read(root, split=split).num_videos
        totals.add(sum(counts.values()))
    assert totals == {13320}


def test_videos_elsewhere_and_converted(name, root):
    source = root / "UCF-101" if name == "ucf101" else root
    folders = [source / label for label in classes_of(name)[0]]
    (root / "videos").mkdir()
    for folder in folders:
        for video in folder.iterdir():
            video.rename(video.with_suffix(".mp4"))
        shutil.move(folder, root / "videos" / folder.name.lower())
    copy = CATALOG[name].read(root)
    assert there(root, copy)
    assert copy.parts["train"][0].path.endswith(".mp4")


def test_a_missing_video_has_its_usual_path(name, root):
    before = CATALOG[name].read(root).parts["train"][0]
    (root / before.path).unlink()
    assert CATALOG[name].read(root).parts["train"][0] == before


def test_a_class_in_another_case(tmp_path):
    root = write_mini("ucf101", tmp_path)
    classes = root / "ucfTrainTestlist" / "classInd.txt"
    classes.write_text(classes.read_text().replace("GoLeft", "Goleft"))
    copy = CATALOG["ucf101"].read(root)
    assert {entry.label for entry in copy.parts["train"]} == set(copy.class_names)
    assert there(root, copy)


def test_a_class_that_is_no_class(tmp_path):
    root = write_mini("ucf101", tmp_path)
    classes = root / "ucfTrainTestlist" / "classInd.txt"
    classes.write_text(classes.read_text().replace("GoLeft", "GoLeftward"))
    with pytest.raises(ValueError, match="'GoLeft' is not, did you mean 'Go"):
        CATALOG["ucf101"].read(root)


def test_missing_lists(name, root):
    shutil.rmtree(next(p for p in root.iterdir() if "rain" in p.name))
    with pytest.raises(
        ValueError, match=r"must hold the .*, looked for (classInd.txt|CLASS_test_)"
    ):
        CATALOG[name].read(root)


def test_damaged_lists(name, root):
    path = next(root.rglob("trainlist01.txt" if name == "ucf101" else "*_test_split1.txt"))
    path.write_text("v_x.avi\n")
    with pytest.raises(ValueError, match=f"{path.name}: line 1 must be .*got 'v_x.avi'"):
        CATALOG[name].read(root)
