import json

import pytest
import torch

from motion_videos import CLASSES, tiny_recipe, write_dataset
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.training.build import build_model, make_card


@pytest.fixture
def run(tmp_path):
    """A recognizer without an evaluation."""
    torch.manual_seed(0)
    card = make_card(tiny_recipe(tmp_path, tmp_path), tuple(CLASSES))
    save_checkpoint(tmp_path / "run", build_model(card), card)
    return tmp_path / "run"


def test_compare(run, tmp_path, motionlens_command):
    videos = write_dataset(tmp_path / "videos", videos_per_class=3)
    options = ["--data", videos, "--out", run / "evaluation"]
    assert motionlens_command("evaluate", run, *options)[0] == 0
    status, out, err = motionlens_command("compare", run, run)
    assert (status, err) == (0, "")
    assert "9 videos" in out
    assert "+0.0" in out
    status, out, _ = motionlens_command("compare", run, run, "--json")
    assert [row["num_videos"] for row in json.loads(out)] == [9, 9]
    status, out, _ = motionlens_command("compare", run, run, "--markdown")
    assert [cell.strip() for cell in out.splitlines()[0].split("|")[1:3]] == ["run", "model"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}"], "runs must be at least two to compare, got 1"),
        (["{run}", "{run}"], "has no evaluation/report.json; run 'motionlens evaluate"),
        (["nix", "{run}"], "runs must be folders, nix is not"),
        (["{run}", "{run}", "--json", "--markdown"], "exclude each other"),
    ],
)
def test_mistakes_end_in_one_line(arguments, message, run, motionlens_command):
    status, _, err = motionlens_command("compare", *[a.format(run=run) for a in arguments])
    assert status == 2
    assert err.startswith("motionlens: error: ")
    assert err.count("\n") == 1
    assert message in err
