import json
from dataclasses import replace

import pytest

from motionlens.cli.main import main
from motionlens.inference.recognizer import Recognizer
from motionlens.models.registry import list_models
from motionlens.reproduce import toy_training
from motionlens.reproduce.budgets import BUDGETS
from motionlens.reproduce.grids import EXPERIMENTS, planned_runs
from motionlens.reproduce.toy_training import build, train, validation_videos
from motionlens.synthetic.toy import CLASS_NAMES


def systems(canvas, *names):
    return planned_runs(EXPERIMENTS["toy"].toy, BUDGETS["small"], canvas=canvas, models=names)


def test_names_of_systems():
    box, wide = ([run.row for run in systems(canvas)] for canvas in ("box", "wide"))
    assert len(set(box)) == len(box)
    assert set(box) - set(wide) == {"c3d_margin"}
    assert set(wide) <= set(box)
    assert [run.name for run in systems("wide", "c3d", "cpnet", "c3d")] == [
        "wide_cpnet_s0",
        "wide_c3d_s0",
    ]
    with pytest.raises(ValueError, match=r"got 'c2', did you mean 'c2d'\?"):
        systems("box", "c2")


@pytest.mark.parametrize("canvas", ["box", "wide"])
def test_every_toy_model_is_a_system(canvas):
    """And every comparator has a sealed form; the non-local block learns nothing to be sealed."""
    runs = systems(canvas)
    assert {run.model for run in runs} == set(list_models("toy_*"))
    sealed = [run for run in runs if run.row.endswith("_sealed")]
    assert {run.model for run in sealed} == set(list_models("toy_*")) - {"toy_cpnet", "toy_nl"}
    for run in sealed:
        assert (run.options["strides"], run.options["head"]) == ([1, 1], "avg")


@pytest.mark.parametrize("canvas", ["box", "wide"])
def test_every_system_can_be_built(canvas):
    clips = validation_videos(canvas).clips()[:2]
    for run in systems(canvas):
        assert build(run).eval()(clips).shape == (2, len(CLASS_NAMES)), run.row


@pytest.mark.slow
def test_sealed_networks_guess(monkeypatch):
    monkeypatch.setattr(toy_training, "NUM_TRAIN", 320)
    for run in systems("box", "c2d_sealed", "c3d_sealed"):
        numbers, _ = train(replace(run, epochs=1))
        assert numbers["validation"] == [1 / len(CLASS_NAMES)]
        assert numbers["left_right"] == numbers["up_down"] == 0.5
    (leaky,) = systems("box", "c3d")
    numbers, _ = train(replace(leaky, epochs=1))
    assert numbers["validation"] != [1 / len(CLASS_NAMES)]


def test_full_budget_trains_twice_as_long():
    small, full = (
        planned_runs(EXPERIMENTS["toy"].toy, BUDGETS[name], models=["cpnet"])
        for name in ("small", "full")
    )
    assert [run.epochs for run in small] == [6, 12]
    assert [run.epochs for run in full] == [12, 24]


@pytest.mark.slow
def test_command(tmp_path, capsys):
    out = tmp_path / "toy"
    arguments = ["--models", "cpnet", "c2d", "--seeds", "1", "--epochs", "1", "--k", "2"]
    assert main(["toy", *arguments, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "|       | parameters |" in printed
    assert "| box, left/right |" in printed
    assert "cpnet: proposals" in printed
    stored = json.loads((out / "results.json").read_text())
    assert [run["system"] for run in stored["runs"]] == ["cpnet", "c2d"]
    assert stored["command"].startswith("motionlens toy --canvas box --seeds 1 --models cpnet c2d")
    assert [cell["row"] for cell in stored["cells"]][::3] == ["cpnet", "c2d"]
    for run, cell in zip(stored["runs"], stored["cells"][::3], strict=True):
        assert cell["mean"] == run["validation"][-1]
        assert cell["values"] == [cell["mean"]]
    files = {"results.json", "results.md", "results.png", "plan.json", "runs"}
    files |= {"curves.png", "proposals.png", "cpnet", "clips"}
    assert {path.name for path in out.iterdir() if path.name != ".lock"} == files
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
        (["--seeds", "0"], "seeds must be a whole number of at least 1, got 0"),
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
