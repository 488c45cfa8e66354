"""Jester: hand gestures in front of webcams, as folders of pictures."""

from __future__ import annotations

from pathlib import Path

from motionlens.datasets.catalog.by_id import IdLayout, read_by_id
from motionlens.datasets.catalog.locating import read_lines
from motionlens.datasets.catalog.spec import DatasetSpec, OfficialCopy
from motionlens.datasets.list_files import read_ids

_LAYOUT = IdLayout(
    lists=("jester-v1-{}.csv", "{}.csv"),
    labels=("jester-v1-labels.csv", "labels.csv"),
    folders=("20bn-jester-v1", "jester-v1", "videos", "frames", "rawframes"),
    suffixes=("", ".webm", ".mp4", ".avi"),
)


def _read(root: Path) -> OfficialCopy:
    return read_by_id(root, _LAYOUT, read_ids, read_lines)


JESTER = DatasetSpec(
    name="jester",
    title="Jester v1",
    layout="20bn-jester-v1/ID/00001.jpg; jester-v1-{train,validation,test,labels}.csv",
    reader=_read,
    fps=12.0,
    short_side=100,
    recipe="jester_resnet34.yaml",
    submission_labels=1,
    num_classes=27,
    num_videos={"train": 118562, "validation": 14787, "test": 14743},
    # The second pair is our decision: a hand that turns clockwise turns the other way in a mirror.
    # The authors flip these clips and keep their labels, which mixes both motions in each class.
    # Rolling forward or backward is about an axis that the mirror keeps.
    swaps=(("left", "right"), ("clockwise", "counterclockwise")),
)
