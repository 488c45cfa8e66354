import json

import pytest

from motionlens.cli.main import main
from motionlens.inference.recognizer import Recognizer
from motionlens.reproduce.toy import (
    SYSTEMS,
    build_system,
    find_systems,
    train_system,
    validation_videos,
)
from motionlens.synthetic.toy import CLASS_NAMES


def test_names_of_systems():
    assert find_systems([], "box") == list(SYSTEMS)
    assert set(SYSTEMS) - set(find_systems([], "wide")) == {"c3d_margin"}
    assert find_systems(["c3d", "cpnet", "c3d"], "wide") == ["c3d", "cpnet"]
    with pytest.raises(ValueError, match=r"got 'c2', did you mean 'c2d'\?"):
        find_systems(["c2"], "box")


def test_every_system_can_be_built():
    for name, system in SYSTEMS.items():
        for canvas in system.canvases:
            model = build_system(name, canvas).eval()
            clips = validation_videos(canvas).clips()[:2]
            assert model(clips).shape == (2, len(CLASS_NAMES)), name


def test_sealed_networks_guess():
    for name in ("c2d_sealed", "c3d_sealed"):
        run, _ = train_system(name, canvas="box", seed=0, epochs=1)
        assert run.validation == [1 / len(CLASS_NAMES)]
        assert run.left_right == run.up_down == 0.5


def test_command(tmp_path, capsys):
    out = tmp_path / "toy"
    arguments = ["--models", "cpnet", "c2d", "--seeds", "1", "--epochs", "1", "--k", "2"]
    assert main(["toy", *arguments, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "Toy videos, box canvas" in printed
    assert "cpnet: proposals" in printed
    stored = json.loads((out / "results.json").read_text())
    assert [run["system"] for run in stored["runs"]] == ["cpnet", "c2d"]
    assert stored["command"].startswith("motionlens toy --canvas box --seeds 1 --models cpnet c2d")
    assert set(stored["summary"]["cpnet"]) == {"validation_mean", "validation_values", "seeds"}
    files = {"results.json", "curves.png", "proposals.png", "cpnet", "clips"}
    assert {path.name for path in out.iterdir()} == files
    recognizer = Recognizer.from_pretrained(out / "cpnet")
    explained = recognizer.explain(out / "clips" / "down.mp4")
    assert explained.modules["core"].k == 2
    # As drawn in memory: a block moves down over black.
    row = [int(frame[..., 0].argmax()) // 32 for frame in explained.frames]
    assert row == sorted(row)
    assert row[3] - row[0] >= 21


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "cpnt"], "did you mean 'cpnet'?"),
        (["--seeds", "0"], "seeds must be at least 1, got 0"),
        (["--k", "5000"], "k must be at most (T-1)*S = 768, got 5000"),
        (["--out", "/proc/toy"], "out must be a folder that can be written, /proc/toy"),
        (["--canvas", "round"], "canvas"),
    ],
)
def test_mistakes(arguments, message, capsys):
    assert main(["toy", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("motionlens: error: ")
    assert error.count("\n") == 1
    assert message in error
