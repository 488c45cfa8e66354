import math
from pathlib import Path

import numpy as np
import pytest

from motionlens.clips.video_index import ListEntry, VideoIndex

ENTRIES = [
    ListEntry("b/1.mp4", "b"),
    ListEntry("a/1.mp4", "a", 1.0, 2.0),
    ListEntry("/elsewhere/2.mp4", "b", math.nan, 3.0),
]


@pytest.fixture
def index():
    return VideoIndex.of(Path("root"), ENTRIES)


def test_columns(index):
    assert len(index) == 3
    assert index.class_names == ("a", "b")
    assert index.labels.tolist() == [1, 0, 1]
    assert index.labels.dtype == np.int64
    assert index.paths.dtype.kind == "U"
    assert index.counts() == {"a": 1, "b": 2}


def test_paths_and_windows(index):
    assert index.path(0) == Path("root/b/1.mp4")
    assert index.path(2) == Path("/elsewhere/2.mp4")
    assert [index.window(i) for i in range(3)] == [(None, None), (1.0, 2.0), (None, 3.0)]


def test_subset_keeps_classes_and_order(index):
    part = index.subset([2, 0])
    assert part.paths.tolist() == ["/elsewhere/2.mp4", "b/1.mp4"]
    assert part.counts() == {"a": 0, "b": 2}
    assert part.window(0) == (None, 3.0)
    assert len(index.subset([])) == 0


def test_class_order_may_be_given():
    index = VideoIndex.of(Path(), ENTRIES, ["b", "c", "a"])
    assert index.labels.tolist() == [0, 2, 0]
    assert index.counts() == {"b": 2, "c": 0, "a": 1}


def test_numbers_are_sorted_as_numbers():
    names = VideoIndex.of(Path(), [ListEntry("x", n) for n in ("10", "2", "0")]).class_names
    assert names == ("0", "2", "10")
    names = VideoIndex.of(Path(), [ListEntry("x", n) for n in ("10", "2", "x")]).class_names
    assert names == ("10", "2", "x")


@pytest.mark.parametrize(
    ("names", "hint"),
    [(["aa", "b"], ", did you mean 'aa'"), (["left", "b"], "; known are left, b")],
)
def test_unknown_class(names, hint):
    with pytest.raises(ValueError, match=f"list.csv: class 'a' is not known{hint}"):
        VideoIndex.of(Path("list.csv"), ENTRIES, names)


def test_refuses_what_does_not_fit_together(index):
    nan = np.full(1, np.nan)
    with pytest.raises(ValueError, match=r"must be equally long, got \[1, 2\]"):
        VideoIndex(Path(), np.array(["x"]), np.array([0, 0]), ("a",), nan, nan)
    with pytest.raises(ValueError, match=r"must lie in 0\.\.0, or be -1 where unknown, got 1\.\.1"):
        VideoIndex(Path(), np.array(["x"]), np.array([1]), ("a",), nan, nan)
    with pytest.raises(ValueError, match="class_names must be distinct, got 'a' twice"):
        VideoIndex(Path(), np.array(["x"]), np.array([1]), ("a", "b", "a"), nan, nan)


def test_videos_with_several_labels_have_targets():
    entries = [ListEntry("1", "b|a"), ListEntry("2", "c"), ListEntry("3", "")]
    index = VideoIndex.of(Path(), entries)
    assert index.class_names == ("a", "b", "c")
    assert index.labels.tolist() == [1, 2, -1]
    assert index.targets.astype(int).tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert [index.entry(i).label for i in range(3)] == ["a|b", "c", ""]
    assert index.entry(1).labels == ["c"]
    assert not index.is_labelled
    assert index.counts() == {"a": 1, "b": 1, "c": 1}
    assert index.subset([1, 2]).targets.shape == (2, 3)
    wider = index.with_classes(("c", "x", "b", "a"))
    assert wider.labels.tolist() == [2, 0, -1]
    assert wider.targets.astype(int).tolist() == [[0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_targets_of_single_labels(index):
    assert index.targets is None
    assert index.with_targets().targets.astype(int).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_other_class_names_must_hold_all(index):
    with pytest.raises(ValueError, match="class 'a' is not known, did you mean 'aa'"):
        index.with_classes(("b", "aa"))
