import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from motionlens.datasets.source import ListingConfig
from motionlens.training.clip_configs import AugmentConfig, ClipConfig
from motionlens.training.recipe import LoaderConfig, LogConfig, OptimConfig, Recipe
from motionlens.training.recipe_files import (
    load_recipe,
    read_recipe_file,
    save_recipe,
    with_absolute_paths,
)

RECIPE = Recipe(
    data="videos",
    out="run",
    validation="val.csv",
    k=4,
    model_options={"offset_scale": 8.0, "modules": {"res4": 2}},
    keep="best",
    listing=ListingConfig(pattern="videos/{}.mp4", separator=";"),
    clip=ClipConfig(num_frames=4, mode="segments"),
    augment=AugmentConfig(horizontal_flip={"left": "right"}, vertical_flip={}, ratio=(0.8, 1.25)),
    optim=OptimConfig(lr=5e-5, schedule="cosine"),
    loader=LoaderConfig(num_workers=3, cache=True, balanced=True),
    log=LogConfig(clips=0),
    patience=3,
    devices=2,
)


def write(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("recipe", [RECIPE, Recipe(data="a", out="b")], ids=["full", "defaults"])
def test_what_is_saved_reads_back_equal(recipe, tmp_path):
    save_recipe(recipe, tmp_path / "recipe.yaml")
    assert load_recipe(tmp_path / "recipe.yaml") == recipe


def test_overrides_replace_or_complete_the_file(tmp_path):
    path = write(tmp_path, "data: a\noptim: {lr: 5e-4}")
    recipe = load_recipe(path, out="b")
    assert recipe == Recipe(data="a", out="b", optim=OptimConfig(lr=5e-4))
    assert load_recipe(path, out="b", data="c").data == "c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataa: x", r"unknown key dataa, did you mean 'data'\?"),
        ("optim: {lrr: 1}", r"unknown key optim.lrr, did you mean 'lr'\?"),
        ("data: x", "a recipe must name out"),
        ("out: x", "a recipe must name data"),
        ("data: x\nout: y\noptim: {lr: fast}", "optim.lr must be a number, got fast"),
        ("data: x\nout: y\nkeep: all", "keep must be one of 'last', 'best', got all"),
        ("data: x\nout: y\nk: 2.5", "k must be a whole number, got 2.5"),
        ("data: x\nout: y\nk: 0", "k must be at least 1, got 0"),
        ("optim: 3", "optim must be a mapping, got 3"),
        ("- 3", "a recipe must be a mapping of names"),
        ("a: [}", "a recipe must be YAML"),
    ],
)
def test_unusable_files_are_refused_in_one_line(text, message, tmp_path):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"cannot read the recipe .*nix\.yaml: No such file"):
        read_recipe_file(tmp_path / "nix.yaml")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe(data="", out="y"), "data must not be empty"),
        (lambda: Recipe(data="x", out="y", seed=-1), "seed must be at least 0, got -1"),
        (lambda: Recipe(data="x", out="y", validate_every=0), "validate_every must be at least 1"),
        (lambda: Recipe(data="x", out="y", k=2, model_options={"k": 2}), "k must be given once"),
        (lambda: ListingConfig(validation_fraction=1), "validation_fraction must be above 0 and"),
        (lambda: ListingConfig(pattern="x.mp4"), r"pattern must hold \{\} once"),
        (lambda: ClipConfig(size=0), "clip.size must be at least 1, got 0"),
        (lambda: AugmentConfig(min_area=0), "min_area must be above 0 and at most 1, got 0"),
        (lambda: AugmentConfig(hue=0.6), "hue must be at least 0 and at most 0.5"),
        (lambda: AugmentConfig(time_jitter=0.6), "time_jitter must be at least 0 and at most 0.5"),
        (lambda: AugmentConfig(brightness=-1), "brightness must be at least 0"),
        (lambda: AugmentConfig(ratio=(2, 1)), "ratio must be 0 < least <= greatest"),
        (lambda: OptimConfig(epochs=0), "epochs must be at least 1"),
        (lambda: OptimConfig(batch_size=0), "batch_size must be at least 1"),
        (lambda: OptimConfig(lr=0), "lr must be above 0"),
        (lambda: OptimConfig(lr=float("nan")), "lr must be above 0, got nan"),
        (lambda: OptimConfig(warmup=1), "warmup must be at least 0 and below 1"),
        (lambda: OptimConfig(weight_decay=-1), "weight_decay must be at least 0"),
        (lambda: OptimConfig(label_smoothing=1), "label_smoothing must be at least 0 and below"),
        (lambda: OptimConfig(grad_clip=-1), "grad_clip must be at least 0"),
        (lambda: LoaderConfig(num_workers=-1), "num_workers must be at least 0"),
        (lambda: OptimConfig(accumulate=0), "optim.accumulate must be at least 1, got 0"),
        (lambda: OptimConfig(lr=0.1, min_lr=0.2), "optim.min_lr must be at least 0 and at most"),
        (lambda: OptimConfig(step_epochs=0), "optim.step_epochs must be at least 1"),
        (lambda: OptimConfig(norm_momentum="halving"), "halving needs optim.step_epochs, got none"),
        (lambda: OptimConfig(ema_decay=1), "optim.ema_decay must be at least 0 and below 1"),
        (lambda: AugmentConfig(mix_probability=2), "mix_probability must be at least 0 and"),
        (lambda: AugmentConfig(mix_probability=0.5), "nothing to do; set augment.mixup_alpha"),
        (lambda: AugmentConfig(cutmix_alpha=-1), "augment.cutmix_alpha must be at least 0"),
        (lambda: LogConfig(clips=-1), "log.clips must be at least 0"),
        (lambda: Recipe(data="x", out="y", patience=0), "patience must be at least 1"),
        (
            lambda: Recipe(data="x", out="y", checkpoint_every_minutes=0),
            "checkpoint_every_minutes must be above 0, got 0",
        ),
        (
            lambda: Recipe(data="x", out="y", checkpoint_every_steps=0),
            "checkpoint_every_steps must be at least 1, got 0",
        ),
        (lambda: LogConfig(logger=""), "log.logger must be the path of a class"),
        (lambda: LogConfig(logger={"save_dir": "x"}), "log.logger must be the path of a class"),
        (lambda: LogConfig(logger={"class_path": "a.B", "init_args": 3}), "log.logger must be the"),
        (lambda: Recipe(data="x", out="y", devices=0), "devices must be at least 1"),
        (lambda: Recipe(data="x", out="y", num_nodes=0), "num_nodes must be at least 1"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_model_options_gain_k_only_if_given():
    assert RECIPE.resolved_model_options() == {**RECIPE.model_options, "k": 4}
    assert "k" not in replace(RECIPE, k=None).resolved_model_options()


def test_absolute_paths_leave_absent_ones_absent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = with_absolute_paths(RECIPE)
    assert (recipe.data, recipe.validation) == (str(tmp_path / "videos"), str(tmp_path / "val.csv"))
    assert recipe.listing.root is None
    assert recipe.out == "run"


def test_recipes_do_not_need_torch():
    files = ("recipe", "recipe_files", "run_folder")
    modules = ", ".join(f"motionlens.training.{name}" for name in files)
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr


def test_compiled_blocks_cannot_be_computed_twice():
    with pytest.raises(ValueError, match="compile and optim.checkpoint_activations exclude"):
        OptimConfig(compile=True, checkpoint_activations=True)


def test_fields_of_nested_parts_are_changed_by_name(tmp_path):
    changed = RECIPE.with_(seed=7, out=tmp_path, **{"optim.epochs": 5, "clip.size": "32"})
    assert changed == replace(
        RECIPE,
        seed=7,
        out=str(tmp_path),
        optim=replace(RECIPE.optim, epochs=5),
        clip=replace(RECIPE.clip, size=32),
    )
    assert RECIPE.with_() == RECIPE
    assert RECIPE.with_(optim=OptimConfig(lr=0.5), **{"optim.epochs": 2}).optim == OptimConfig(
        lr=0.5, epochs=2
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optim.epoch": 5}, "Recipe has no field optim.epoch, did you mean 'optim.epochs'?"),
        ({"lr": 5}, "Recipe has no field lr, did you mean 'optim.lr'?"),
        ({"optin.lr": 5}, "Recipe has no field optin.lr, did you mean 'optim.lr'?"),
        ({"modell": "x"}, "Recipe has no field modell, did you mean 'model'?"),
        ({"optim.epochs": "many"}, "optim.epochs must be a whole number, got many"),
        ({"optim.epochs": 2.5}, "optim.epochs must be a whole number, got 2.5"),
        ({"optim.epochs": 0}, "optim.epochs must be at least 1, got 0"),
        ({"optim": {"epoch": 3}}, "Recipe has no field optim.epoch, did you mean"),
        ({"keep": "first"}, "keep must be one of 'last', 'best', got first"),
    ],
)
def test_a_changed_field_must_exist_and_fit(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        RECIPE.with_(**changes)
    assert "\n" not in str(caught.value)


CLASS = {"class_path": "stranger.Evil"}


@pytest.mark.parametrize(
    "values",
    [
        {"model_options": {"x": CLASS}},
        {"model_options": {"x": [CLASS], "y": json.dumps(CLASS)}},
        {"log": {"logger": CLASS}},
        {"log": {"logger": "stranger.Evil"}},
        {"log": {"logger": {**CLASS, "init_args": {"x": CLASS, "y": [json.dumps(CLASS)]}}}},
    ],
)
def test_reading_a_recipe_imports_no_class_that_it_names(values, tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    path = write(tmp_path, json.dumps({"data": "x", "out": "y", **values}))
    recipe = load_recipe(path)
    for name, value in values.items():
        found = getattr(recipe, name)
        assert (found if name == "model_options" else {"logger": found.logger}) == value
    save_recipe(recipe, tmp_path / "again.yaml")
    assert load_recipe(tmp_path / "again.yaml") == recipe
    assert recipe.with_(seed=1).log == recipe.log
