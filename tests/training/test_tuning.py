from dataclasses import replace

import pytest

from motion_videos import tiny_recipe, write_dataset
from motionlens.training import tuning
from motionlens.training.recipe import OptimConfig
from motionlens.training.tuning import find_lr, scale_batch_size


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


def test_find_lr_leaves_no_run(videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = tiny_recipe(videos, tmp_path / "run", optim=OptimConfig(batch_size=4))
    monkeypatch.setattr(tuning, "LR_STEPS", 30)
    found = find_lr(recipe)
    assert tuning.LEAST_LR <= found <= tuning.GREATEST_LR
    assert find_lr(recipe) == found
    assert list(tmp_path.iterdir()) == []


def test_the_largest_batch_that_fits(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "_check_memory", lambda device: None)
    step = tuning.TrainingModule.training_step
    tried = []

    def training_step(self, batch, number):
        tried.append(len(batch["label"]))
        if len(batch["label"]) > 4:
            raise RuntimeError("CUDA out of memory.")
        return step(self, batch, number)

    monkeypatch.setattr(tuning.TrainingModule, "training_step", training_step)
    recipe = tiny_recipe(videos, tmp_path / "run")
    assert scale_batch_size(recipe) == 4
    assert set(tried) == {1, 2, 4, 8}
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(tuning.TrainingModule, "training_step", step)
    assert scale_batch_size(recipe) == 8  # the largest power of two among 9 clips


def test_what_the_tuner_cannot_do(videos, tmp_path):
    recipe = tiny_recipe(videos, tmp_path / "run")
    with pytest.raises(ValueError, match="says when its memory is full, on a CPU"):
        scale_batch_size(recipe)
    for search in (find_lr, scale_batch_size):
        with pytest.raises(ValueError, match="works in one process, got 2; set devices"):
            search(replace(recipe, devices=2))
