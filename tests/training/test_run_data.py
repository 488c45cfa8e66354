import shutil
from pathlib import Path

import pytest

from motion_videos import tiny_recipe, write_dataset, write_video
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.training.fit import fit
from motionlens.training.run_data import note_data

LISTED = {name: ListEntry(name, "left" if name < "c" else "right") for name in "abcd"}


@pytest.fixture
def videos(tmp_path):
    for name in LISTED:
        (tmp_path / name).write_text("video")
    return tmp_path


def noted(videos, listed=LISTED, **changes):
    """What is said of a run whose training list is this one."""
    entries = {**listed, **changes}.values()
    train, validation = (VideoIndex.of(videos, list(e)) for e in (entries, LISTED.values()))
    run = videos / "run"
    run.mkdir(exist_ok=True)
    return note_data(run, train, validation)


def test_nothing_is_said_of_the_same_data(videos):
    assert noted(videos) is None
    assert noted(videos) is None


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ({**LISTED, "e": ListEntry("e", "left")}, "1 video added (e)"),
        ({n: LISTED[n] for n in "ab"}, "2 videos removed (c, d)"),
        ({**LISTED, "a": ListEntry("a", "right")}, "1 video labelled otherwise (a)"),
        ({**LISTED, "a": ListEntry("a", "left", 1.0)}, "1 video added (a), 1 video removed (a)"),
        ({n: LISTED[n] for n in "badc"}, "the order of the videos"),
    ],
)
def test_an_edited_list_is_noticed_once(videos, listed, message):
    noted(videos)
    assert noted(videos, listed) == f"the data of this run have changed meanwhile: {message}"
    assert noted(videos, listed) is None


def test_videos_that_were_replaced_or_deleted_are_noticed(videos):
    noted(videos)
    (videos / "a").write_text("another video")
    (videos / "b").unlink()
    said = "2 videos missing (b, b), 2 videos replaced (a, a)"
    assert noted(videos) == f"the data of this run have changed meanwhile: {said}"


def test_a_copy_with_other_times_is_the_same(videos, tmp_path):
    noted(videos)
    copy = tmp_path / "copy"
    shutil.copytree(videos, copy, ignore=shutil.ignore_patterns("copy"), copy_function=shutil.copy)
    assert noted(copy) is None


def test_a_resumed_run_names_a_video_that_was_replaced(tmp_path):
    data = write_dataset(tmp_path / "videos")
    recipe = tiny_recipe(data, tmp_path / "run")
    fit(recipe, progress=False)
    write_video(data / "static" / "0.mp4", (1, 2), seed=77)
    with pytest.warns(UserWarning, match=r"changed meanwhile: 1 video replaced \(static/0.mp4\)"):
        fit(recipe, resume=True, progress=False)
    assert Path(recipe.out, "data.csv").is_file()
