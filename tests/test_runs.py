import json
from dataclasses import replace

import pytest

from cpnet.config import LoaderConfig, OptimConfig, Recipe
from cpnet.recipe_files import load_recipe
from cpnet.runs import (
    CHECKPOINT,
    begin_run,
    check_run,
    read_metrics,
    run_recipe,
    write_metrics,
)


@pytest.fixture
def recipe(tmp_path):
    return Recipe(data="videos", out=str(tmp_path / "new" / "run"))


@pytest.fixture
def begun(recipe):
    run = begin_run(recipe)
    (run / CHECKPOINT).parent.mkdir()
    (run / CHECKPOINT).touch()
    return recipe


def test_check_leaves_no_trace(recipe, tmp_path):
    check_run(recipe)
    assert not list(tmp_path.iterdir())


def test_begun_run_holds_recipe_and_versions(recipe):
    run = begin_run(recipe)
    stored = load_recipe(run / "recipe.yaml")
    assert stored.data.endswith("/videos")
    versions = json.loads((run / "versions.json").read_text())
    assert {"cpnet", "torch", "python", "git"} <= versions.keys()


def test_a_run_is_not_overwritten_unasked(begun, tmp_path):
    with pytest.raises(ValueError, match=r"must not hold a run yet.*--resume.*--overwrite"):
        check_run(begun)
    check_run(begun, overwrite=True)


def test_overwriting_leaves_other_files(begun):
    run = begin_run(begun)
    (run / "notes.txt").touch()
    begin_run(begun, overwrite=True)
    assert (run / "notes.txt").exists()
    assert not (run / CHECKPOINT).exists()


def test_resume_needs_a_checkpoint(recipe):
    with pytest.raises(ValueError, match=r"holds no checkpoints.last\.ckpt to resume from"):
        check_run(recipe, resume=True)


def test_resume_needs_the_same_recipe(begun):
    check_run(begun, resume=True)
    moved = replace(begun, data="/elsewhere", device="cpu", loader=LoaderConfig(num_workers=5))
    check_run(replace(moved, optim=OptimConfig(epochs=90)), resume=True)
    with pytest.raises(ValueError, match=r"1 fields differ: optim\.lr was 0\.003, is 0\.1"):
        check_run(replace(begun, optim=OptimConfig(lr=0.1)), resume=True)


def test_resume_and_overwrite_exclude_each_other(begun):
    with pytest.raises(ValueError, match="exclude each other"):
        check_run(begun, resume=True, overwrite=True)


def test_out_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match="out must be a folder that can be written"):
            check_run(Recipe(data="x", out=str(out)))


def test_run_recipe_follows_a_moved_run(begun, tmp_path):
    (tmp_path / "new" / "run").rename(tmp_path / "moved")
    assert run_recipe(tmp_path / "moved").out == str(tmp_path / "moved")
    with pytest.raises(ValueError, match=r"holds no recipe\.yaml"):
        run_recipe(tmp_path)


def test_metrics_keep_absent_values_absent(tmp_path):
    assert read_metrics(tmp_path) == []
    rows = [{"epoch": 1.0, "train_loss": 0.5}, {"epoch": 2.0, "validation_accuracy": 1.0}]
    write_metrics(tmp_path, rows)
    assert read_metrics(tmp_path) == rows
