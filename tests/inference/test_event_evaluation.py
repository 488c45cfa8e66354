import json

import pytest
import torch

from motion_videos import CLASSES, write_video
from motionlens.cli.main import main
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.datasets.source import ListingConfig
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint, save_checkpoint
from motionlens.inference.event_evaluation import evaluate_events
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.events import EventDetector, EventRules

LISTING = ListingConfig(background="static")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two annotated videos of 6 seconds at 4 frames/s; the second shows no action."""
    folder = tmp_path_factory.mktemp("long")
    for seed, name in enumerate("ab"):
        write_video(folder / f"{name}.mp4", (0, 4), seed=seed, num_frames=24, fps=4)
    (folder / "val.csv").write_text(
        "path,start,end,label\na.mp4,1,3,move_left\na.mp4,4,5.5,move_right\nb.mp4,,,\n"
    )
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A recognizer with random weights whose background is ``static``."""
    card = ModelCard(
        model="cpnet_nano",
        options={"widths": [8, 8, 8, 8], "modules": {"res3": 1}, "k": 2},
        class_names=tuple(CLASSES),
        sampling=Sampling(4, seconds=1.0),
        preprocessing=Preprocessing(16, 16),
        background="static",
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(folder, card.build(), card)
    return folder


def test_the_card_keeps_its_background(saved):
    _, card = load_checkpoint(saved)
    assert card.background == "static"
    assert ModelCard.from_json(card.to_json()) == card
    assert json.loads((saved / "config.json").read_text())["background"] == "static"
    with pytest.raises(ValueError, match="background of a model card must be one of its class"):
        ModelCard.from_json(card.to_json().replace('"background": "static"', '"background": "no"'))


def test_the_background_makes_no_events(saved):
    _, card = load_checkpoint(saved)
    detector = EventDetector.of_card(card, EventRules(smoothing="none", background=("move_left",)))
    assert detector.rules.background == ("move_left", "static")
    found = detector.update(0, 1, [0.0, 0.0, 1.0]) + detector.update(1, 2, [1.0, 0.0, 0.0])
    found += detector.update(2, 3, [0.0, 1.0, 0.0]) + detector.finish()
    assert [event.label for event in found] == ["move_right"]
    low = EventRules(on=0.01, off=0.01)
    recognizer = Recognizer.from_pretrained(saved)
    labels = {e.label for e in recognizer.events(torch.zeros(12, 3, 16, 16).byte(), rules=low)}
    assert labels == {"move_left", "move_right"}


def test_the_whole_report(saved, videos, tmp_path):
    seen = []
    report = evaluate_events(
        saved,
        videos / "val.csv",
        rules=EventRules(on=0.3, off=0.3, smoothing="none"),
        out=tmp_path / "out",
        on_progress=lambda done, of: seen.append((done, of)),
    )
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert report.class_names == ("move_left", "move_right")
    assert [v.path for v in report.videos] == ["a.mp4", "b.mp4"]
    assert [len(v.truth) for v in report.videos] == [2, 0]
    assert [(a.label, a.start_s, a.end_s) for a in report.videos[0].truth] == [
        ("move_left", 1, 3),
        ("move_right", 4, 5.5),
    ]
    values = json.loads((tmp_path / "out" / "events.json").read_text())
    assert values["num_actions"] == 2
    assert values["settings"]["background"] == ["static"]
    assert values["settings"]["hop"] == 1
    pictures = sorted(p.name for p in (tmp_path / "out" / "events").iterdir())
    assert pictures == ["000_a.png", "001_b.png"]
    assert "events/000_a.png" in (tmp_path / "out" / "events.md").read_text()


def test_weaker_events_are_where_the_rules_find_none(saved, videos):
    strict = EventRules(on=0.999, off=0.99, smoothing="none")
    report = evaluate_events(saved, videos / "val.csv", rules=strict)
    assert not report.num_found.any()
    weaker = [event for video in report.videos for event in video.weaker]
    assert weaker  # an untrained network says a third of everything
    assert all(0 < event.confidence < 0.99 for event in weaker)
    for video in report.videos:
        for event in video.weaker:
            others = (e for e in video.weaker if e is not event and e.label == event.label)
            assert all(e.end_s <= event.start_s or e.start_s >= event.end_s for e in others)


def test_what_cannot_be_evaluated_is_refused(saved, videos, tmp_path):
    (videos / "clips.csv").write_text("path,label\na.mp4,move_left\nb.mp4,static\n")
    with pytest.raises(ValueError, match="has no annotations with start and end"):
        evaluate_events(saved, videos / "clips.csv")
    (videos / "other.csv").write_text("path,start,end,label\na.mp4,1,2,wave\n")
    with pytest.raises(ValueError, match="'wave' is not known"):
        evaluate_events(saved, videos / "other.csv", listing=LISTING)
    (videos / "broken.mp4").write_bytes(b"nothing")
    (videos / "broken.csv").write_text(
        "path,start,end,label\na.mp4,1,2,move_left\nbroken.mp4,1,2,move_left\n"
    )
    with pytest.raises(ValueError, match=r"broken.mp4"):
        evaluate_events(saved, videos / "broken.csv")
    report = evaluate_events(saved, videos / "broken.csv", skip_broken=True)
    assert len(report.videos) == len(report.broken) == 1


def test_the_command(saved, videos, tmp_path, capsys):
    data = ["--data", str(videos / "val.csv")]
    assert main(["evaluate", str(saved), "--events", *data, "--smoothing", "none"]) == 0
    out = capsys.readouterr().out
    assert "AP at 0.7" in out
    assert "95 % interval" in out
    assert main(["evaluate", str(saved), "--events", *data, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_videos"] == 2
    for options, message in [
        (["--on", "0.5"], "--on is for --events"),
        (["--events", "--views", "3x1"], "--views is not for --events"),
        (["--events", "--off", "0.9"], "off <= on"),
    ]:
        assert main(["evaluate", str(saved), *data, *options]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert main(["info", str(saved)]) == 0
    assert "background     static" in capsys.readouterr().out
