import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from motionlens.training.recipe import LoaderConfig, OptimConfig, Recipe
from motionlens.training.recipe_files import load_recipe
from motionlens.training.run_folder import (
    CHECKPOINT,
    begun_run,
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
    finish_epoch(recipe)
    return recipe


def finish_epoch(recipe, **options):
    """Begin a run and leave what its first epoch leaves."""
    with begun_run(recipe, **options) as run:
        (run / CHECKPOINT).parent.mkdir(exist_ok=True)
        (run / CHECKPOINT).touch()
        (run / "config.json").write_text(str(recipe.seed))
    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_check_leaves_no_trace(recipe, tmp_path):
    check_run(recipe)
    assert not list(tmp_path.iterdir())


def test_begun_run_holds_recipe_and_versions(recipe):
    run = finish_epoch(recipe)
    stored = load_recipe(run / "recipe.yaml")
    assert stored.data.endswith("/videos")
    versions = json.loads((run / "versions.json").read_text())
    assert {"motionlens", "torch", "python", "git"} <= versions.keys()


def test_a_run_is_not_overwritten_unasked(begun, tmp_path):
    with pytest.raises(ValueError, match=r"must not hold a run yet.*--resume.*--overwrite"):
        check_run(begun)
    check_run(begun, overwrite=True)


def test_overwriting_leaves_other_files(begun):
    run = Path(begun.out)
    (run / "notes.txt").touch()
    (run / "evaluation").mkdir()
    (run / "evaluation" / "report.json").touch()
    finish_epoch(replace(begun, seed=1), overwrite=True)
    assert files(run) == [
        "checkpoints/last.ckpt",
        "config.json",
        "notes.txt",
        "recipe.yaml",
        "versions.json",
    ]
    assert (run / "config.json").read_text() == "1"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_run_without_an_epoch_leaves_no_trace(recipe, error):
    with pytest.raises(error), begun_run(recipe):
        raise error
    assert not Path(recipe.out).exists()


def test_a_run_without_an_epoch_gives_back_what_it_was_to_replace(begun):
    run = Path(begun.out)
    before = {name: (run / name).read_bytes() for name in files(run)}
    with pytest.raises(ValueError, match="broken"), begun_run(begun, overwrite=True):
        raise ValueError("broken")
    assert {name: (run / name).read_bytes() for name in files(run)} == before
    check_run(begun, resume=True)


def test_a_run_that_was_killed_before_its_first_epoch_is_begun_anew(recipe):
    run = Path(recipe.out)
    run.mkdir(parents=True)
    (run / "recipe.yaml").touch()
    check_run(recipe)
    finish_epoch(recipe)


def test_a_run_that_was_killed_while_replacing_another_keeps_that(begun):
    run = Path(begun.out)
    if (child := os.fork()) == 0:
        begun_run(begun, overwrite=True).__enter__()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with pytest.raises(ValueError, match="must not hold a run yet"):
        check_run(begun)
    with pytest.raises(ValueError, match="broken"), begun_run(begun, overwrite=True):
        raise ValueError("broken")
    assert (run / "config.json").read_text() == "0"
    assert not (run / ".lock").exists()


def test_a_replaced_run_is_kept_until_the_new_one_has_finished_an_epoch(begun):
    """A checkpoint within the first epoch is no recognizer."""
    run = Path(begun.out)
    with begun_run(begun, overwrite=True):
        (run / CHECKPOINT).parent.mkdir()
        (run / CHECKPOINT).touch()
    assert (run / CHECKPOINT).exists()
    assert (run / ".replaced" / "config.json").exists()
    finish_epoch(begun, resume=True)
    assert not (run / ".replaced").exists()


def test_two_processes_do_not_work_in_one_run_folder(begun):
    run = Path(begun.out)
    with begun_run(begun, resume=True):
        before = files(run)
        for options in ({"overwrite": True}, {"resume": True}):
            with pytest.raises(ValueError, match="another one is under way: process"):
                check_run(begun, **options)
            with (
                pytest.raises(ValueError, match="another one is under way: process"),
                begun_run(begun, **options),
            ):
                pass
        assert files(run) == before


def test_a_run_that_came_after_the_check_is_kept(recipe):
    check_run(recipe)
    finish_epoch(recipe)
    before = files(Path(recipe.out))
    with pytest.raises(ValueError, match="must not hold a run yet"), begun_run(recipe):
        pass
    assert files(Path(recipe.out)) == before


def test_resumed_runs_keep_everything_when_they_fail(begun):
    before = files(Path(begun.out))
    with pytest.raises(ValueError, match="broken"), begun_run(begun, resume=True):
        raise ValueError("broken")
    assert files(Path(begun.out)) == before


def test_resume_needs_a_checkpoint(recipe):
    with pytest.raises(ValueError, match=r"holds no checkpoints.last\.ckpt to resume from"):
        check_run(recipe, resume=True)


def test_resume_needs_the_same_recipe(begun):
    check_run(begun, resume=True)
    moved = replace(begun, data="/elsewhere", device="cpu", loader=LoaderConfig(num_workers=5))
    check_run(replace(moved, optim=OptimConfig(epochs=90)), resume=True)
    with pytest.raises(ValueError, match=r"loader\.balanced was False, is True"):
        check_run(replace(begun, loader=LoaderConfig(balanced=True)), resume=True)
    with pytest.raises(ValueError, match=r"1 fields differ: optim\.lr was 0\.003, is 0\.1"):
        check_run(replace(begun, optim=OptimConfig(lr=0.1)), resume=True)


def test_a_resumed_run_cannot_take_epochs_back(begun):
    write_metrics(Path(begun.out), [{"epoch": 1}, {"epoch": 2}])
    shorter = replace(begun, optim=replace(begun.optim, epochs=1))
    with pytest.raises(ValueError, match="optim.epochs must be at least the 2 .* got 1; leave it"):
        check_run(shorter, resume=True)


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


def test_run_recipe_names_no_code(begun):
    path = Path(begun.out) / "recipe.yaml"
    path.write_text(path.read_text().replace("logger: null", "logger: stranger.Evil"))
    assert load_recipe(path).log.logger == "stranger.Evil"
    assert run_recipe(begun.out).log.logger is None


def test_metrics_keep_absent_values_absent(tmp_path):
    assert read_metrics(tmp_path) == []
    rows = [{"epoch": 1.0, "train_loss": 0.5}, {"epoch": 2.0, "validation_accuracy": 1.0}]
    write_metrics(tmp_path, rows)
    assert read_metrics(tmp_path) == rows


def test_what_a_killed_process_left_half_written_is_removed(begun):
    run = Path(begun.out)
    leftovers = [run / ".metrics.csv.abc", run / "checkpoints" / ".last.ckpt.xyz"]
    for path in [*leftovers, run / ".notes"]:
        path.touch()
    with begun_run(begun, resume=True):
        assert not any(path.exists() for path in leftovers)
    assert (run / ".notes").exists()
