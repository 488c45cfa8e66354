import shutil
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from motion_videos import tiny_recipe, write_dataset
from motionlens.training.fit import fit
from motionlens.training.recipe import LoaderConfig, OptimConfig


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A class of two videos beside classes of four."""
    data = write_dataset(tmp_path_factory.mktemp("uneven"), videos_per_class=4)
    for number in (2, 3):
        (data / "static" / f"{number}.mp4").unlink()
    return data


def weights(run):
    return load_file(run / "model.safetensors")


@pytest.mark.parametrize("optim", [{"class_weights": "balanced"}, {"focal_gamma": 2.0}])
def test_changes_what_is_learned(uneven, tmp_path, optim):
    recipe = tiny_recipe(uneven, tmp_path / "plain", optim=OptimConfig(epochs=1, batch_size=4))
    plain = weights(fit(recipe, progress=False).run)
    changed = replace(recipe, out=str(tmp_path / "changed"), optim=replace(recipe.optim, **optim))
    found = weights(fit(changed, progress=False).run)
    assert any((plain[name] != found[name]).any() for name in plain)


def test_classes_of_one_size_weigh_the_same(tmp_path):
    data = write_dataset(tmp_path / "even", videos_per_class=4)
    recipe = tiny_recipe(data, tmp_path / "plain", optim=OptimConfig(epochs=1, batch_size=4))
    plain = fit(recipe, progress=False)
    optim = replace(recipe.optim, class_weights="balanced")
    found = fit(replace(recipe, out=str(tmp_path / "balanced"), optim=optim), progress=False)
    assert found.metrics["train_loss"] == pytest.approx(plain.metrics["train_loss"], rel=1e-4)
    shutil.rmtree(data)


def test_drawing_and_weighing_exclude_each_other(tmp_path):
    optim = OptimConfig(class_weights="balanced")
    with pytest.raises(ValueError, match=r"loader.balanced and optim.class_weights both .* one"):
        tiny_recipe(tmp_path, tmp_path, optim=optim, loader=LoaderConfig(balanced=True))
