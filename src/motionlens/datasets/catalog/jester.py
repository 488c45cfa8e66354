"""Jester: hand gestures in front of webcams, as folders of pictures."""

from functools import partial

from motionlens.datasets.catalog.by_id import read_by_id
from motionlens.datasets.catalog.spec import DatasetSpec

JESTER = DatasetSpec(
    name="jester",
    title="Jester v1",
    layout="20bn-jester-v1/ID/00001.jpg; jester-v1-{train,validation,test,labels}.csv",
    reader=partial(read_by_id, name="jester-v1"),
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
