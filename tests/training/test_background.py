"""Annotated long videos, from the list to the events of the run."""

import json

import pytest

from motion_videos import tiny_recipe, write_video
from motionlens.cli.main import main
from motionlens.inference.checkpoint import load_card
from motionlens.training.build import make_start
from motionlens.training.description import describe_start
from motionlens.training.fit import fit


@pytest.fixture(scope="module")
def annotated(tmp_path_factory):
    """Four videos of 8 seconds at 4 frames/s in one list; the last shows no action."""
    folder = tmp_path_factory.mktemp("annotated")
    rows = ["path,start,end,label"]
    for seed, name in enumerate("abcd"):
        write_video(folder / f"{name}.mp4", (0, 4), seed=seed, num_frames=32, fps=4)
        rows += [f"{name}.mp4,1,2,left", f"{name}.mp4,5,6,right"] if name != "d" else ["d.mp4,,,"]
    (folder / "all.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture
def recipe(annotated, tmp_path):
    """``recipe(seconds)``: a small recipe with a background."""

    def make(seconds):
        base = tiny_recipe(annotated / "all.csv", tmp_path / "run")
        changes = {"listing.background": "rest", "clip.frame_stride": None, "clip.seconds": seconds}
        return base.with_(**changes, **{"augment.horizontal_flip": None})

    return make


@pytest.mark.parametrize(
    ("seconds", "warning"),
    [(1.0, ""), (1.5, "longer than half of the actions"), ("whole", "as long as the actions")],
)
def test_training_says_how_long_actions_are(recipe, seconds, warning):
    start = make_start(recipe(seconds))
    assert start.card.background == "rest"
    assert start.card.class_names == ("left", "right", "rest")
    text = "\n".join(describe_start(start))
    assert "annotated actions take 1 s (median); all else is rest" in text
    assert ("warning: " in text) == bool(warning)
    assert warning in text


def test_clips_are_proposed_as_long_as_actions(recipe):
    start = make_start(recipe(None))
    assert start.card.sampling.seconds == 1.0
    text = "\n".join(describe_start(start))
    assert "clips are 1 s of a video in 4 frames: actions take that long (1.0 to 1.0 s" in text
    assert "warning" not in text


@pytest.mark.slow
def test_from_the_list_to_the_events(recipe, capsys):
    run = fit(recipe(1.0), progress=False).run
    assert load_card(run).background == "rest"
    assert main(["evaluate", str(run), "--events", "--on", "0.4"]) == 0
    assert "mAP" in capsys.readouterr().out
    values = json.loads((run / "evaluation" / "events.json").read_text())
    assert set(values["classes"]) == {"left", "right"}
    assert main(["evaluate", str(run)]) == 0  # of clips, those of the background too
    assert "rest" in capsys.readouterr().out
