import argparse

import pytest

from motion_videos import write_video
from motionlens import pretrained
from motionlens.cli._arguments import call, split_run, use_defaults


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clips" / "a.mp4", (0, 1), seed=0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    write_video(tmp_path / "run" / "validation" / "a.mp4", (0, 1), seed=0)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    return tmp_path


@pytest.mark.parametrize(
    "run", ["run", "empty", "nowhere", "net.onnx", "owner/name", "hub:owner/name", pretrained.NAME]
)
def test_what_is_a_recognizer_is_taken_for_one(folder, capsys, run):
    assert split_run(run, ["a.mp4"]) == (run, ["a.mp4"])
    assert split_run(run, []) == (run, [])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "word", ["clips", "clips/a.mp4", "nowhere.mp4", "rtsp://camera/1", "notes.txt"]
)
def test_what_is_data_leaves_the_recognizer_in_the_box(folder, capsys, word):
    assert split_run(word, ["b.mp4"]) == (pretrained.NAME, [word, "b.mp4"])
    assert capsys.readouterr().err == "motionlens: no run is given; taking the bundled recognizer\n"


def test_nothing_at_all_is_the_recognizer_in_the_box():
    assert split_run(None, []) == (pretrained.NAME, [])


def test_options_may_stand_among_the_words(folder, motionlens_command):
    # Each reaches the recognizer that is not there, or the broken file, and is not misread.
    for words in (
        ["nowhere", "--top", "2", "clips/a.mp4"],
        ["--top=2", "nowhere", "clips/a.mp4", "--json"],
        ["--json", "--top", "2", "--", "nowhere", "clips/a.mp4"],
    ):
        status, _, err = motionlens_command("predict", *words)
        assert (status, err.count("\n")) == (2, 1)
        assert "nowhere does not exist; give a folder" in err
    status, _, err = motionlens_command("predict", "run", "--topp", "2", "clips/a.mp4")
    assert "unknown option --topp, did you mean '--top'?" in err


def test_options_have_the_defaults_of_the_call():
    def work(path, *, top=3, out=None, fast=False):
        return path, top, out, fast

    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--top", type=int)
    parser.add_argument("--other")
    use_defaults(parser, work)
    assert call(work, parser.parse_args(["a"])) == ("a", 3, None, False)
    args = parser.parse_args(["a", "--top", "1", "--other", "x"])
    assert call(work, args, out="b") == ("a", 1, "b", False)
