"""Two processes over gloo learn what one does."""

import csv
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from motion_videos import tiny_recipe, write_dataset
from motionlens.training.clip_configs import ClipConfig
from motionlens.training.fit import fit
from motionlens.training.recipe import LoaderConfig, OptimConfig
from motionlens.training.recipe_files import save_recipe
from motionlens.training.run_folder import read_metrics
from processes import forked, torchrun

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"), videos_per_class=5)


def shared_recipe(videos, out, **optim):
    """12 training clips, 3 for validation: both processes have as much of the former."""
    recipe = tiny_recipe(
        videos,
        out,
        optim=OptimConfig(
            **{
                "epochs": 2,
                "batch_size": 4,
                "optimizer": "sgd",
                "schedule": "constant",
                "warmup": 0,
                "lr": 0.01,
                "ema_decay": 0.5,
                "sync_batchnorm": True,
                **optim,
            }
        ),
    )
    return replace(recipe, model_options={**recipe.model_options, "dropout": 0.0})


def lightning(*arguments, timeout=300):
    """The command, which starts its processes itself."""
    environment = {name: v for name, v in os.environ.items() if "RANK" not in name}
    return subprocess.run(
        [sys.executable, "-m", "motionlens", *map(str, arguments)],
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def assert_same_run(found, expected):
    first, second = (load_file(run / "model.safetensors") for run in (found, expected))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], msg=name, rtol=1e-4, atol=1e-5)
    for row, other in zip(read_metrics(found), read_metrics(expected), strict=True):
        assert row == pytest.approx(other, rel=1e-4)


def test_two_processes_learn_what_one_does(videos, tmp_path):
    whole = fit(shared_recipe(videos, tmp_path / "whole"), progress=False).run
    save_recipe(shared_recipe(videos, tmp_path / "run", batch_size=2), tmp_path / "recipe.yaml")
    done = forked("motionlens", "train", "--config", tmp_path / "recipe.yaml", num_processes=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 1/2") == 1  # of the first process alone
    assert done.stdout.count("12 training and 3 validation videos") == 1
    assert_same_run(tmp_path / "run", whole)

    options = ["--config", tmp_path / "recipe.yaml", "--out", tmp_path / "own", "--devices", 2]
    done = lightning("train", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 1/2") == 1
    for name in ("model.safetensors", "metrics.csv"):
        assert (tmp_path / "own" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


def test_uneven_shares_several_labels_and_broken_videos(videos, tmp_path):
    """5 clips that can be read for 2 processes, one validation video, norms of their own."""
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    lines = [f"{videos}/move_left/{i}.mp4,left|moves" for i in range(3)]
    lines += [f"{videos}/static/{i}.mp4,still" for i in range(2)]
    train, validation = tmp_path / "train.csv", tmp_path / "validation.csv"
    train.write_text("path,label\n" + "\n".join([*lines[:1], f"{broken},still", *lines[1:]]))
    validation.write_text(f"path,label\n{videos}/move_left/4.mp4,left|moves\n")
    recipe = shared_recipe(train, tmp_path / "run", batch_size=2, sync_batchnorm=False)
    recipe = replace(
        recipe,
        validation=str(validation),
        augment=replace(recipe.augment, horizontal_flip=None),
        loader=LoaderConfig(num_workers=0, skip_broken=True),
    )
    save_recipe(recipe, tmp_path / "recipe.yaml")
    done = forked("motionlens", "train", "--config", tmp_path / "recipe.yaml", num_processes=2)
    assert done.returncode == 0, done.stderr
    assert "1 video cannot be read" in done.stdout
    with (tmp_path / "run" / "broken.csv").open() as file:
        assert [row["path"] for row in csv.DictReader(file)] == [str(broken)]
    rows = read_metrics(tmp_path / "run")
    assert [row["validation_map"] for row in rows] == [1.0, 1.0]  # one video has all that is shown
    evaluated = fit_validation(recipe, tmp_path)
    assert rows[-1]["validation_loss"] == pytest.approx(evaluated, rel=1e-4)


def fit_validation(recipe, tmp_path):
    """The validation loss of the weights that a run has kept, worked out here."""
    from motionlens.clips.training_loader import ClipDataset
    from motionlens.datasets.parts import open_parts
    from motionlens.inference.checkpoint import load_checkpoint
    from motionlens.training.losses import clip_losses_of_several_labels

    model, card = load_checkpoint(tmp_path / "run")
    _, validation = open_parts(recipe.source)
    dataset = ClipDataset(validation, card.sampling, card.preprocessing)
    item = dataset[0]
    with torch.inference_mode():
        logits = model(item["clip"][None])
    return float(clip_losses_of_several_labels(logits, item["label"][None]))


@pytest.mark.parametrize("start", [torchrun, lightning])
def test_an_error_in_one_process_ends_all(videos, tmp_path, start):
    import shutil

    data = tmp_path / "data"
    shutil.copytree(videos, data / "train")
    shutil.copytree(videos, data / "val")
    # Validation clip 1 is of the second process.
    (data / "val" / "move_left" / "1.mp4").write_text("no video")
    recipe = shared_recipe(data, tmp_path / "run", batch_size=2)
    save_recipe(replace(recipe, devices=2), tmp_path / "recipe.yaml")
    command = ["train", "--config", tmp_path / "recipe.yaml"]
    done = start("motionlens", *command) if start is torchrun else start(*command)
    assert done.returncode != 0
    assert "motionlens: error: " in done.stderr
    assert "val/move_left/1.mp4" in done.stderr


def test_a_folder_with_a_run_is_refused_by_the_first_process(videos, tmp_path):
    recipe = shared_recipe(videos, tmp_path / "run", epochs=1)
    fit(recipe, progress=False)
    save_recipe(replace(recipe, clip=ClipConfig(num_frames=3, size=16)), tmp_path / "recipe.yaml")
    before = (tmp_path / "run" / "config.json").read_bytes()
    done = forked("motionlens", "train", "--config", tmp_path / "recipe.yaml", num_processes=2)
    assert done.returncode != 0
    assert done.stderr.count("must not hold a run yet") == 1
    assert (tmp_path / "run" / "config.json").read_bytes() == before
