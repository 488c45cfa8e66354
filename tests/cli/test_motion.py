import re

import pytest

from motionlens.cli.main import main
from motionlens.datasets.prepared import load_part
from motionlens.synthetic.motion_suite.tasks import TASKS

SMALL = ["--num_train", "4", "--num-validation", "2", "--size", "32"]


def test_writes_a_suite_that_can_be_trained_on(tmp_path, capsys):
    out = tmp_path / "suite"
    assert main(["motion", "direction", str(out), *SMALL, "--difficulty", "easy"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"4 train, 2 validation clips, 0\.\d MB in", printed)
    assert "4 classes: up, down, left, right" in printed
    clip = "--clip.num_frames 8 --clip.frame_stride 1 --clip.size 32"
    assert f"next: motionlens train --data {out} {clip} --out RUN" in printed
    assert len(load_part(out, "train")) == 4
    assert (out / "samples.png").stat().st_size > 1000
    options = ["--data", str(out), *clip.split(), "--out", str(tmp_path / "run"), "--quiet"]
    options += ["--model", "c2d_nano", "--optim.epochs", "1", "--loader.num_workers", "0"]
    assert main(["train", *options]) == 0


def test_list(capsys):
    assert main(["motion", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in TASKS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "task and out must be given: motionlens motion TASK OUT; --list shows tasks"),
        (["direktion", "OUT"], "got 'direktion', did you mean 'direction'?"),
        (["order", "OUT", "--difficulty", "extreme"], "difficulty must be one of easy, medium"),
        (["order", "OUT", "--size", "7"], "size must be even"),
        (["order", "OUT", "--footage", "missing.mp4"], "missing.mp4: "),
        (["order", "/proc/suite"], "folder must be a folder that can be written, /proc/suite"),
    ],
)
def test_mistakes(arguments, message, tmp_path, capsys):
    arguments = [str(tmp_path / "suite") if a == "OUT" else a for a in arguments]
    assert main(["motion", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("motionlens: error: ")
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "suite").exists()
