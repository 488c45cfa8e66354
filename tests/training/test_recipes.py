"""Every recipe that comes with the package can be read, and its network built."""

from pathlib import Path

import pytest

from motionlens.training.build import make_card
from motionlens.training.recipe_files import load_recipe

FOLDER = Path(__file__).resolve().parents[2] / "recipes"
RECIPES = sorted(path.name for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_builds_its_network(name):
    recipe = load_recipe(FOLDER / name, data="data", out="out")
    card = make_card(recipe, ("a", "b", "c", recipe.listing.background or "d"))
    model = card.build()
    assert model.fc.out_features == 4
    assert card.sampling.num_frames == recipe.clip.num_frames
    assert card.preprocessing.size == recipe.clip.size


AUTHORS = [name for name in RECIPES if "resnet" in name]


def test_the_authors_data_sets_are_there():
    assert AUTHORS == [
        "jester_resnet34.yaml",
        "kinetics_resnet101.yaml",
        "kinetics_resnet18.yaml",
        "something_v1_resnet34.yaml",
        "something_v2_resnet34.yaml",
    ]


@pytest.mark.parametrize("name", AUTHORS)
def test_what_is_known_of_the_authors_recipe(name):
    recipe = load_recipe(FOLDER / name, data="data", out="out")
    card, optim = make_card(recipe, ("a", "b")), recipe.optim
    is_jester = name.startswith("jester")
    assert (card.sampling.num_frames, card.sampling.frame_stride) == (12, 2)
    assert card.preprocessing.size == (112 if is_jester else 224)
    assert card.options["stem_stride"] == (1 if is_jester else 2)
    assert card.options["offset_scale"] == 1
    assert card.options["k"] == (4 if "101" in name else 8)
    assert optim.batch_size * recipe.devices * recipe.num_nodes * optim.accumulate == 32
    assert (optim.optimizer, optim.nesterov, optim.lr, optim.min_lr) == ("sgd", False, 0.01, 1e-5)
    assert (optim.schedule, optim.step_epochs) == ("step", 40 if is_jester else 20)
    assert (optim.warmup, optim.weight_decay, optim.grad_clip) == (0, 0, 0)
    assert optim.norm_momentum == "halving"
    assert recipe.augment.horizontal_flip == "catalog"
    assert f"runs/{name.removesuffix('.yaml')}" in (FOLDER / name).read_text()
