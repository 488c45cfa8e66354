import subprocess
import sys
from dataclasses import replace

import pytest

from motion_videos import tiny_recipe
from motionlens.datasets.source import DataSource, ListingConfig
from motionlens.training.recipe_files import save_recipe


def test_a_runs_recipe_declares_its_data(tmp_path):
    listing = ListingConfig(root="videos", separator=";", validation_fraction=0.3, split_seed=4)
    recipe = replace(tiny_recipe(tmp_path, tmp_path), validation="elsewhere", listing=listing)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    assert DataSource.of_run(tmp_path) == recipe.source
    assert recipe.source.listing == listing
    assert recipe.source.horizontal_flip == {"move_left": "move_right"}


def test_a_folder_without_a_recipe_declares_nothing(tmp_path):
    assert DataSource.of_run(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- data", "a recipe must be a mapping"),
        ("data: [", "a recipe must be YAML"),
        ("out: x", "must name the run's data as 'motionlens train' writes it: 'data'"),
        ("data: 5", "must name the run's data"),
        ("data: x\nlisting: {rot: y}", "unexpected keyword argument 'rot'"),
        ("data: x\nlisting: {pattern: y}", r"pattern must hold \{\} once"),
        ("data: x\naugment: y", "must name the run's data"),
    ],
)
def test_a_damaged_recipe_is_refused(text, message, tmp_path):
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        DataSource.of_run(tmp_path)


def test_declaring_data_needs_no_torch():
    code = "import sys, motionlens.datasets.source; print({'torch', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
