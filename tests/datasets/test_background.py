import math

import pytest

from motion_videos import write_video
from motionlens.cli.main import main
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.datasets.background import annotated_videos, divide, uncovered, with_background
from motionlens.datasets.frame_rates import find_rates
from motionlens.datasets.parts import open_annotated, open_evaluated, open_parts
from motionlens.datasets.source import DataSource, ListingConfig
from motionlens.training.description import _describe_sizes
from motionlens.video.frames import VideoWarning

BACKGROUND = ListingConfig(background="background")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four videos of 10 s at 4 frames/s; a and b have actions, c and d none."""
    folder = tmp_path_factory.mktemp("long")
    for seed, name in enumerate("abcd"):
        write_video(folder / f"{name}.mp4", (0, 4), seed=seed, num_frames=40, fps=4)
    (folder / "train.csv").write_text(
        "path,start,end,label\na.mp4,1,2,wave\na.mp4,4,5,point\na.mp4,7,8.2,wave\nc.mp4,,,\n"
    )
    (folder / "val.csv").write_text("path,start,end,label\nb.mp4,2,3,wave\nb.mp4,5,6,point\n")
    return folder


def test_the_rest_of_the_videos_is_background(folder):
    source = DataSource(
        data=f"{folder}/train.csv", validation=f"{folder}/val.csv", listing=BACKGROUND
    )
    train, validation = open_parts(source)
    assert train.class_names == validation.class_names == ("point", "wave", "background")
    # As many as of the class with most clips.
    assert train.counts() == {"point": 1, "wave": 2, "background": 2}
    assert validation.counts() == {"point": 1, "wave": 1, "background": 1}
    for index in (train, validation):
        entries = [index.entry(i) for i in range(len(index))]
        actions = [e for e in entries if e.label != "background"]
        for e in (e for e in entries if e.label == "background"):
            assert e.end_s - e.start_s >= 1  # the usual length
            assert 0 <= e.start_s < e.end_s <= 10.25
            near = (a for a in actions if a.path == e.path)
            assert all(e.end_s <= a.start_s - 0.25 or e.start_s >= a.end_s + 0.25 for a in near)


def test_a_video_of_background_alone_counts_in_the_list_of_videos(folder):
    index = open_annotated(None, f"{folder}/train.csv", None, BACKGROUND)
    videos = annotated_videos(index, "background")
    assert [(v.path, len(v.actions)) for v in videos] == [("a.mp4", 3), ("c.mp4", 0)]


def test_evaluation_sees_clips_of_the_background(folder):
    index = open_evaluated(None, f"{folder}/val.csv", None, BACKGROUND)
    assert index.counts() == {"point": 1, "wave": 1, "background": 1}
    index = open_evaluated(None, f"{folder}/val.csv", None, None)
    assert index.counts() == {"point": 1, "wave": 1}


def test_clips_of_a_video_stay_on_one_side_of_a_drawn_split(folder):
    rows = ["path,start,end,label"]
    for name in "abcd":
        rows += [f"{name}.mp4,{t},{t + 1},{label}" for t, label in ((1, "wave"), (5, "point"))]
    (folder / "all.csv").write_text("\n".join(rows))
    train, validation = open_parts(DataSource(data=f"{folder}/all.csv", listing=BACKGROUND))
    assert not set(train.paths) & set(validation.paths)
    assert all(train.counts().values())
    assert all(validation.counts().values())


def test_rows_of_the_background_are_no_actions(folder):
    path = folder / "explicit.csv"
    path.write_text("path,start,end,label\na.mp4,1,2,wave\nc.mp4,0,8,background\n")
    index = open_annotated(None, path, None, BACKGROUND)
    made = with_background(index, "background")
    assert made.counts() == {"background": 1, "wave": 1}
    assert [len(v.actions) for v in annotated_videos(index, "background")] == [1, 0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.mp4,1,2,wave\nc.mp4,,,\n", "line 3 must have a label.*--listing.background"),
        ("a.mp4,1,2,wave\nc.mp4,1,,\n", "line 3 must have a label"),
        ("a.mp4,1,2,wave\nc.mp4,,,nan\n", "line 3 must have a label, got 'nan'"),
    ],
)
def test_a_missing_label_is_no_background_unless_asked(folder, rows, message):
    path = folder / "missing.csv"
    path.write_text("path,start,end,label\n" + rows)
    listing = ListingConfig() if ",,,\n" in rows else BACKGROUND
    with pytest.raises(ValueError, match=message):
        open_annotated(None, path, None, listing)


def test_starts_are_not_taken_for_classes(folder):
    path = folder / "bare.csv"
    path.write_text("a.mp4,1,2,wave\nc.mp4,4.5,6,point\n")
    with pytest.raises(ValueError, match="--listing.columns path,start,end,label"):
        open_annotated(None, path, None, None)
    listing = ListingConfig(columns="path,start,end,label")
    assert open_annotated(None, path, None, listing).class_names == ("point", "wave")


def index_of(*entries):
    return VideoIndex.of(entries[0][0], [ListEntry(*entry[1:]) for entry in entries])


def test_what_cannot_have_a_background_is_refused(folder):
    whole = index_of((folder, "a.mp4", "wave"), (folder, "b.mp4", "point"))
    with pytest.raises(ValueError, match="needs annotations with start and end"):
        with_background(whole, "background")
    full = index_of((folder, "a.mp4", "wave", 0, 5), (folder, "a.mp4", "point", 5, 10))
    with pytest.raises(ValueError, match="no stretch without an annotation is as long"):
        with_background(full, "background")
    with pytest.raises(ValueError, match="listing.background must be the name of a class"):
        ListingConfig(background="a|b")


def test_videos_that_cannot_be_read_are_named(folder):
    (folder / "broken.mp4").write_bytes(b"nothing")
    index = index_of((folder, "a.mp4", "wave", 1, 2), (folder, "broken.mp4", "wave", 1, 2))
    with pytest.warns(VideoWarning, match="cannot be read add no background: broken.mp4"):
        made = with_background(index, "background")
    assert made.counts() == {"wave": 2, "background": 2}


def test_a_prepared_list_keeps_the_videos_without_an_action(folder, tmp_path):
    command = ["prepare", "list", f"{folder}/train.csv", "--out", str(tmp_path / "prepared")]
    assert main([*command, "--listing.background", "background"]) == 0
    parts = [
        open_annotated(None, tmp_path / "prepared", split, BACKGROUND)
        for split in ("train", "validation")
    ]
    videos = [v for part in parts for v in annotated_videos(part, "background")]
    assert {v.path: len(v.actions) for v in videos} == {"a.mp4": 3, "c.mp4": 0}


def test_uncovered():
    assert uncovered([], 5, 1) == [(0.0, 5)]
    assert uncovered([(None, None)], 5, 1) == []
    assert uncovered([(4, None), (None, 1)], 9, 0.5) == [(1.5, 3.5)]
    assert uncovered([(1, 8), (2, 3)], 10, 0) == [(0.0, 1), (8, 10)]


def test_divide_gives_long_stretches_more():
    pieces = divide([(0, 100), (200, 220), (300, 301)], 6, 2)
    assert [len(each) for each in pieces] == [5, 1, 0]
    lengths = [end - start for each in pieces for start, end in each]
    assert all(math.isclose(length, 8) for length in lengths)  # at most 4 times the least
    assert divide([], 3, 1) == []
    assert divide([(0, 3)], 9, 1) == [[(0, 1), (1, 2), (2, 3)]]


def test_rates_count_videos_and_sizes_clips(folder):
    rows = "".join(f"a.mp4,{i},{i + 1},{'xy'[i % 2]}\n" for i in range(4))
    (folder / "windows.csv").write_text(f"path,start,end,label\n{rows}")
    index = open_evaluated(None, folder / "windows.csv", "all", None)
    assert sum(find_rates(index, index).values()) == 1
    assert _describe_sizes(index, index) == "4 training and 4 validation clips of 1 and 1 videos"
