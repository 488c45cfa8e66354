from motion_videos import tiny_recipe, write_dataset
from motionlens.training.recipe_files import save_recipe


def test_train_says_what_to_do_next(tmp_path, motionlens_command):
    videos = write_dataset(tmp_path / "videos")
    save_recipe(tiny_recipe(videos, tmp_path / "run"), tmp_path / "recipe.yaml")
    status, out, err = motionlens_command("train", "--config", tmp_path / "recipe.yaml")
    assert (status, err) == (0, "")
    assert f"next: motionlens evaluate {tmp_path / 'run'}" in out
