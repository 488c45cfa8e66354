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


def test_resume_auto_starts_goes_on_and_has_nothing_left_to_do(tmp_path, motionlens_command):
    videos, run = write_dataset(tmp_path / "videos"), tmp_path / "run"
    save_recipe(tiny_recipe(videos, tmp_path / "other"), tmp_path / "recipe.yaml")
    command = ["train", "--config", tmp_path / "recipe.yaml", "--out", run, "--resume=auto"]
    status, out, _ = motionlens_command(*command)
    assert status == 0
    assert "epoch 1/2" in out
    status, out, _ = motionlens_command(*command, "--optim.epochs", 3)
    assert status == 0
    assert "epoch 2/3" not in out
    assert "epoch 3/3" in out
    # Without --config, the run's own recipe is the starting point, of which epochs are left open.
    status, out, _ = motionlens_command("train", "--out", run, "--resume", "auto")
    assert status == 0
    assert "epoch" not in out.replace("of epoch 3", "")


def test_resume_auto_of_a_new_run_still_needs_its_data(tmp_path, motionlens_command):
    status, _, err = motionlens_command("train", "--out", tmp_path / "run", "--resume", "auto")
    assert status == 2
    assert "the following arguments are required: --data" in err
    status, _, err = motionlens_command("train", "--data", tmp_path, "--resume", "auto")
    assert status == 2
    assert "required: --out" in err
    status, _, err = motionlens_command("train", "--out", tmp_path, "--resume", "yes")
    assert status == 2
    assert err.startswith("motionlens: error: resume must be auto or stand alone, got yes;")


def test_resume_auto_keeps_a_recognizer_that_cannot_be_resumed(tmp_path, motionlens_command):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    options = ("--data", tmp_path, "--out", run, "--resume", "auto")
    status, _, err = motionlens_command("train", *options)
    assert status == 2
    assert "out must not hold a run yet" in err
