import pytest

import motionlens.training.fit
from motion_videos import tiny_recipe, write_dataset
from motionlens.training.epoch_recorder import kept_epoch
from motionlens.training.fit import FitResult
from motionlens.training.recipe_files import save_recipe


def test_train_says_what_to_do_next(tmp_path, motionlens_command):
    videos = write_dataset(tmp_path / "videos")
    save_recipe(tiny_recipe(videos, tmp_path / "run"), tmp_path / "recipe.yaml")
    status, out, err = motionlens_command("train", "--config", tmp_path / "recipe.yaml")
    assert (status, err) == (0, "")
    assert f"next: motionlens evaluate {tmp_path / 'run'}" in out


ROWS = [
    {"epoch": 1.0, "train_loss": 1.0, "validation_accuracy": 0.75},
    {"epoch": 2.0, "train_loss": 0.5, "validation_accuracy": 0.5},
]


@pytest.mark.parametrize(
    ("keep", "rows", "is_said"),
    [("last", ROWS, True), ("last", ROWS[:1], False), ("best", ROWS, False)],
)
def test_a_better_epoch_is_told_of(keep, rows, is_said, tmp_path, motionlens_command, monkeypatch):
    def found(recipe, **_):
        return FitResult(run=tmp_path, metrics=kept_epoch(rows, recipe.keep), history=rows)

    monkeypatch.setattr(motionlens.training.fit, "fit", found)
    arguments = ("--data", tmp_path, "--out", tmp_path / "run", "--keep", keep)
    status, out, _ = motionlens_command("train", *arguments)
    assert status == 0
    line = (
        "epoch 1 was better on validation (75.0 % against 50.0 %); --keep best keeps such an epoch"
    )
    assert (line in out.splitlines()) == is_said
