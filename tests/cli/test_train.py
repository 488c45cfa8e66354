import pytest

from motion_videos import tiny_recipe, write_dataset
from motionlens.training import tuning
from motionlens.training.recipe_files import save_recipe


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


def test_find_lr(videos, tmp_path, motionlens_command, monkeypatch):
    monkeypatch.setattr(tuning, "LR_STEPS", 20)
    save_recipe(tiny_recipe(videos, tmp_path / "run"), tmp_path / "recipe.yaml")
    status, out, err = motionlens_command(
        "train", "--config", tmp_path / "recipe.yaml", "--find-lr"
    )
    assert (status, err) == (0, "")
    assert out.startswith("optim.lr: ")
    assert not (tmp_path / "run").exists()
    options = ["--find-lr", "--overwrite"]
    status, _, err = motionlens_command("train", "--config", tmp_path / "recipe.yaml", *options)
    assert status == 2
    assert "find_lr and scale_batch_size leave no run" in err
