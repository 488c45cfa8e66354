"""UCF101 and HMDB51: three official splits into training and test videos.

Published results are on the test videos of a split, so these become the validation part.
"""

import re
from pathlib import Path

from motionlens.clips.video_index import ListEntry
from motionlens.datasets.catalog.locating import LocalCopy, read_lines
from motionlens.datasets.catalog.spec import DatasetSpec, OfficialCopy, Option
from motionlens.datasets.prepared import Part

_OPTIONS = {"split": Option(int, "official split: 1, 2 or 3")}
_UCF_LISTS = ("ucfTrainTestlist", "UCF101TrainTestSplits-RecognitionTask/ucfTrainTestlist")
_UCF_COUNTS = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}
_HMDB_LISTS = (
    "testTrainMulti_7030_splits",
    "test_train_splits/testTrainMulti_7030_splits",
    "test_train_splits",
    "splits",
)
_HMDB_PARTS: dict[str, Part] = {"1": "train", "2": "validation"}
_SUFFIXES = (".avi", ".mp4", ".webm", "")


def _read_ucf101(root: Path, split: int = 1) -> OfficialCopy:
    _check_split(split)
    copy = LocalCopy(root)
    folders = ("", *_UCF_LISTS, "annotations", "labels", "lists")
    classes = copy.find_list("the class names", ["classInd.txt"], folders)
    class_names = tuple(line.split(maxsplit=1)[-1] for line in read_lines(classes))
    # Some copies spell HandStandPushups and HandstandPushups in different files.
    spelling = {name.casefold(): name for name in class_names}
    words: dict[Part, str] = {"train": "train", "validation": "test"}
    homes = copy.folders(["UCF-101", "UCF101", "ucf101", "videos", ""])
    parts: dict[Part, list[ListEntry]] = {}
    for part, word in words.items():
        names = [f"{word}list{split:02d}.txt"]
        path = copy.find_list(f"the list of split {split}", names, folders)
        entries = []
        for number, line in enumerate(read_lines(path), start=1):
            # Training lines end in the number of the class.
            name = re.sub(r"\s+\d+$", "", line).replace("\\", "/")
            label, slash, _ = name.partition("/")
            if not slash:
                raise ValueError(
                    f"{path}: line {number} must be Class/v_Class_g01_c01.avi, got {line!r}"
                )
            label = spelling.get(label.casefold(), label)
            entries.append(_entry(copy, homes, name, label))
        parts[part] = entries
    train, validation = _UCF_COUNTS[split]
    return OfficialCopy(
        folder=root,
        parts=parts,
        class_names=class_names,
        num_videos={"train": train, "validation": validation},
        notes=(f"The test videos of split {split} are the validation part.",),
    )


def _read_hmdb51(root: Path, split: int = 1) -> OfficialCopy:
    _check_split(split)
    copy = LocalCopy(root)
    ending = f"_test_split{split}.txt"
    folders = copy.folders([*_HMDB_LISTS, "annotations", ""])
    found = (sorted((root / folder).glob(f"*{ending}")) for folder in folders)
    lists = next(filter(None, found), None)
    if lists is None:
        raise ValueError(
            f"{root}: must hold the lists of split {split}, looked for CLASS{ending} in "
            f"{', '.join(str(root / folder) for folder in _HMDB_LISTS)} and {root}; put them there"
        )
    homes = copy.folders(["hmdb51_org", "hmdb51", "videos", ""])
    parts: dict[Part, list[ListEntry]] = {"train": [], "validation": []}
    for path in lists:
        label = path.name.removesuffix(ending)
        for number, line in enumerate(read_lines(path), start=1):
            name, _, use = line.rpartition(" ")
            if use not in ("0", "1", "2") or not name:
                raise ValueError(
                    f"{path}: line {number} must be a video and 0, 1 or 2, got {line!r}; correct it"
                )
            if use in _HMDB_PARTS:
                part = _HMDB_PARTS[use]
                parts[part].append(_entry(copy, homes, f"{label}/{name.strip()}", label))
    return OfficialCopy(
        folder=root,
        parts=parts,
        class_names=tuple(path.name.removesuffix(ending) for path in lists),
        notes=(f"The test videos of split {split} are the validation part.",),
    )


def _check_split(split: int) -> None:
    if split not in (1, 2, 3):
        raise ValueError(f"split must be 1, 2 or 3, got {split}")


def _entry(copy: LocalCopy, homes: list[str], name: str, label: str) -> ListEntry:
    """The entry of ``Class/video.avi``, also if the file was converted."""
    stem = name.removesuffix(".avi")
    found = copy.find_first(f"{home}/{stem}{s}" for home in homes for s in _SUFFIXES)
    return ListEntry(found or f"{homes[0]}/{name}".lstrip("/"), label)


UCF101 = DatasetSpec(
    name="ucf101",
    title="UCF101",
    layout="UCF-101/CLASS/v_*.avi; ucfTrainTestlist/{classInd,trainlist01,testlist01}.txt",
    reader=_read_ucf101,
    options=_OPTIONS,
    short_side=240,
    num_classes=101,
    num_videos={"train": 9537, "validation": 3783},
)
HMDB51 = DatasetSpec(
    name="hmdb51",
    title="HMDB51",
    layout="hmdb51_org/CLASS/*.avi; testTrainMulti_7030_splits/CLASS_test_split1.txt",
    reader=_read_hmdb51,
    options=_OPTIONS,
    short_side=240,
    num_classes=51,
    num_videos={"train": 3570, "validation": 1530},
)
