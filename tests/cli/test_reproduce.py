import json
import re

import pytest

from motionlens.reproduce import listing
from motionlens.reproduce.experiments import DEFAULT_OUT
from motionlens.reproduce.grids import EXPERIMENTS

NAMES = [
    "toy", "motion", "kinetics", "ablation-count", "ablation-k", "ablation-stage", "runtime",
    "visualise", "speed", "offset-scale", "suite-speed", "suite-hidden", "suite-noise",
    "clips-per-class", "gestures",
]  # fmt: skip


def test_list_names_every_table_and_figure(tmp_path, motionlens_command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(listing, "STORED", tmp_path / "checkout" / "docs" / "results")
    status, printed, err = motionlens_command("reproduce", "--list")
    assert (status, err) == (0, "")
    for name in NAMES:
        assert f"motionlens reproduce {name}" in printed
    for words in ("Toy Example", "Jester", "Something-Something", "Ablation (a)", "Ablation (b)"):
        assert words in printed
    for words in ("Ablation (c)", "Kinetics-400", "large networks", "Run Time", "Visualization"):
        assert words in printed
    assert "needs data" in printed
    assert "not run" in printed
    assert list(EXPERIMENTS) == NAMES


def test_list_finds_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(listing, "STORED", tmp_path / "checkout" / "docs" / "results")
    folder = tmp_path / "runs" / "reproduce" / "speed_small"
    folder.mkdir(parents=True)
    content = {
        "experiment": "speed", "budget": "small", "num_seeds": 3, "planned_runs": 4,
        "finished_runs": 3,
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(content))
    other = tmp_path / "runs" / "reproduce" / "other"
    other.mkdir()
    (other / "results.json").write_text("[]")
    (line,) = [
        line for line in listing.list_experiments([DEFAULT_OUT]) if "reproduce speed" in line[1]
    ]
    assert line[2] == "begun, 3 of 4 runs (budget small, 3 seeds)"
    assert line[-1] == "runs/reproduce/speed_small"
    (folder / "results.json").write_text(json.dumps(content | {"finished_runs": 4, "data": "d"}))
    (line,) = [line for line in listing.list_experiments([folder]) if "reproduce speed" in line[1]]
    assert line[2] == "done (budget small, 3 seeds, d)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name must be given"),
        (["motio"], "unknown experiment 'motio', did you mean 'motion'?"),
        (
            ["motion"],
            "motion needs videos, got no --data; 'motionlens motion' draws some, 'motionlens "
            "prepare' reads",
        ),
        (["toy", "--data", "x"], "toy makes its own data; leave --data out"),
        (["toy", "--seeds", "0"], "seeds must be a whole number of at least 1, got 0"),
        (["toy", "--budget", "huge"], "budget"),
        (["motion", "--data", "nowhere"], "nowhere"),
        (["toy", "--epochs", "1"], "epochs is of networks that train on data, and toy without"),
        (["runtime", "--init", "x"], "init is of networks that train on data"),
        (["runtime", "--jobs", "2"], "jobs is of the toy's networks, which toy, visualise,"),
        (["visualise", "--data", "x", "--jobs", "2"], "train without --data; leave --jobs out"),
        (["toy", "--jobs", "0"], "jobs must be a whole number of at least 1, got 0"),
        (["motion", "--data", ".", "--recipe", "no.yaml"], "cannot read the recipe no.yaml"),
        (["runtime", "--models", "c2"], "did you mean 'c2d'?"),
    ],
)
def test_mistakes(arguments, message, tmp_path, motionlens_command):
    out = tmp_path / "out"
    status, _, err = motionlens_command("reproduce", *arguments, "--out", out, "--device", "cpu")
    assert status == 2
    assert message in err
    assert re.fullmatch(r"motionlens: error: .*\n", err)
    assert not out.exists()
