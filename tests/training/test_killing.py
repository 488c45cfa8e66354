"""A run that is killed at any moment and resumed ends with the files of one that was not."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from motion_videos import tiny_recipe, write_dataset
from motionlens.training.clip_configs import AugmentConfig
from motionlens.training.fit import fit
from motionlens.training.module import TrainingModule
from motionlens.training.recipe import OptimConfig
from motionlens.training.recipe_files import save_recipe
from motionlens.training.run_folder import CHECKPOINT
from processes import forked, torchrun

KILLED = Path(__file__).with_name("killed.py")
MOMENTS = [
    "epoch_2_begins",
    "batch_5",  # of three an epoch
    "before_the_second_checkpoint",
    "within_the_second_checkpoint",
    "before_the_second_weights",
    "before_the_second_metrics",
]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


def full_recipe(videos, out, num_workers=0):
    """Everything that has a state or draws numbers; three batches an epoch, two steps."""
    recipe = tiny_recipe(
        videos,
        out,
        augment=AugmentConfig(
            horizontal_flip={"move_left": "move_right"},
            mix_probability=0.7,
            mixup_alpha=0.8,
            cutmix_alpha=1.0,
        ),
        optim=OptimConfig(epochs=3, batch_size=4, accumulate=2, ema_decay=0.9),
        patience=9,
    )
    return replace(recipe, loader=replace(recipe.loader, balanced=True, num_workers=num_workers))


@pytest.fixture(scope="module")
def whole(videos, tmp_path_factory):
    return fit(full_recipe(videos, tmp_path_factory.mktemp("whole") / "run"), progress=False).run


def assert_same_files(found, expected):
    for name in ("model.safetensors", "metrics.csv", "config.json"):
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize("num_workers", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("moment", MOMENTS)
def test_resumed_after_a_kill(videos, whole, tmp_path, moment, num_workers):
    recipe = full_recipe(videos, tmp_path / "run", num_workers)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    done = forked(KILLED, moment, "train", "--config", tmp_path / "recipe.yaml", module=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "epoch 1/3" in done.stdout
    weights = Path(recipe.out) / "model.safetensors"
    assert weights.read_bytes() != (whole / weights.name).read_bytes()
    assert_same_files(fit(recipe, resume=True, progress=False).run, whole)
    leftovers = [path for path in Path(recipe.out).rglob(".*") if path.is_file()]
    assert leftovers == []


def test_resumed_by_the_command(videos, whole, tmp_path):
    recipe = full_recipe(videos, tmp_path / "run")
    save_recipe(recipe, tmp_path / "recipe.yaml")
    command = ["train", "--config", tmp_path / "recipe.yaml"]
    done = forked(KILLED, "batch_5", *command, module=False)
    assert done.returncode == -signal.SIGKILL
    done = forked("motionlens", "train", "--out", tmp_path / "run", "--resume")
    assert done.returncode == 0, done.stderr
    assert "epoch 1/3" not in done.stdout
    assert_same_files(tmp_path / "run", whole)


def with_steps(recipe, **changes):
    """Five batches an epoch, three steps, a checkpoint after each; the last epoch is validated."""
    optim = replace(recipe.optim, batch_size=2)
    return replace(recipe, optim=optim, checkpoint_every_steps=1, validate_every=2, **changes)


@pytest.fixture(scope="module")
def whole_of_steps(videos, tmp_path_factory):
    recipe = with_steps(full_recipe(videos, tmp_path_factory.mktemp("whole_of_steps") / "run"))
    return fit(recipe, progress=False).run


def killed_run(recipe, tmp_path, moment):
    save_recipe(recipe, tmp_path / "recipe.yaml")
    done = forked(KILLED, moment, "train", "--config", tmp_path / "recipe.yaml", module=False)
    state = torch.load(Path(recipe.out) / CHECKPOINT, weights_only=True)
    return done, state["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["processed"]


@pytest.mark.parametrize("num_workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("batch", "behind"),
    [(4, 2), (10, 4), (14, 2)],
    ids=["in the first epoch", "before an epoch's last batch", "in the last epoch"],
)
def test_resumed_from_the_middle_of_an_epoch(
    videos, whole_of_steps, tmp_path, monkeypatch, batch, behind, num_workers
):
    recipe = with_steps(full_recipe(videos, tmp_path / "run", num_workers))
    done, found = killed_run(recipe, tmp_path, f"batch_{batch}")
    assert (done.returncode, found) == (-signal.SIGKILL, behind)
    seen = []
    step = TrainingModule.training_step

    def training_step(self, batch, number):
        seen.append((self.current_epoch, number, len(batch["label"])))
        return step(self, batch, number)

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    assert_same_files(fit(recipe, resume=True, progress=False).run, whole_of_steps)
    # The clips that were seen before are not loaded again.
    epoch = (batch - 1) // 5
    assert seen[0] == (epoch, behind, 2 if behind < 4 else 1)
    assert len(seen) == 5 * (3 - epoch) - behind


def test_resumed_before_the_first_epoch_is_finished(videos, whole, tmp_path):
    """There is no model card yet, but what the run started from is not asked for again."""
    recipe = with_steps(full_recipe(videos, tmp_path / "run"), init=str(whole))
    card = json.loads((whole / "config.json").read_text())
    done, _ = killed_run(recipe, tmp_path, "batch_4")
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "config.json").exists()
    resumed = fit(replace(recipe, init="moved"), resume=True, progress=False).run
    assert json.loads((resumed / "config.json").read_text()) == card


def test_sigterm_leaves_a_checkpoint_and_says_how_to_go_on(videos, whole_of_steps, tmp_path):
    recipe = replace(with_steps(full_recipe(videos, tmp_path / "run")), checkpoint_every_steps=None)
    done, behind = killed_run(recipe, tmp_path, "terminated_at_batch_8")
    assert (done.returncode, behind) == (128 + signal.SIGTERM, 4)
    assert done.stderr == (
        f"motionlens: ended by SIGTERM; go on with: motionlens train --out {recipe.out} --resume\n"
    )
    assert_same_files(fit(recipe, resume=True, progress=False).run, whole_of_steps)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("minutes", "killed_at", "behind"), [(None, 4, 3), (1e-6, 9, 2)], ids=["epoch", "step"]
)
def test_two_processes_of_which_one_is_killed(videos, tmp_path, minutes, killed_at, behind):
    """With norms of their own, EMA and dropout; three or five batches an epoch."""
    recipe = full_recipe(videos, tmp_path / "whole")
    optim = replace(recipe.optim, batch_size=1 if minutes else 2)
    recipe = replace(recipe, optim=optim, checkpoint_every_minutes=minutes)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    command = ["train", "--config", tmp_path / "recipe.yaml"]
    done = forked("motionlens", *command, num_processes=2)
    assert done.returncode == 0, done.stderr
    halves = tmp_path / "halves"
    killed = [KILLED, f"batch_{killed_at}_in_process_1", *command, "--out", halves]
    done = forked(*killed, num_processes=2, module=False)
    assert done.returncode != 0
    state = torch.load(halves / CHECKPOINT, weights_only=True)
    loops = state["loops"]["fit_loop"]
    assert loops["epoch_loop.batch_progress"]["current"]["processed"] == behind
    done = forked("motionlens", "train", "--out", halves, "--resume", num_processes=2)
    assert done.returncode == 0, done.stderr
    assert_same_files(halves, tmp_path / "whole")
    # The steps of two processes are not those of one.
    done = forked("motionlens", "train", "--out", halves, "--resume", "--optim.epochs", 4)
    assert done.returncode == 2
    assert "must have as many processes as before, 2, got 1" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("start", [forked, torchrun])
def test_two_processes_go_on_after_one_was_ended(videos, tmp_path, start):
    """SIGTERM to one stops both at the same step; torchrun restarts both after one was killed."""
    recipe = full_recipe(videos, tmp_path / "whole")
    optim, every = replace(recipe.optim, batch_size=1), 1 if start is torchrun else None
    save_recipe(replace(recipe, optim=optim, checkpoint_every_steps=every), tmp_path / "r.yaml")
    command = ["train", "--config", tmp_path / "r.yaml", "--resume", "auto"]
    done = forked("motionlens", *command, num_processes=2)
    assert done.returncode == 0, done.stderr
    command += ["--out", tmp_path / "halves"]
    if start is torchrun:
        killed = [KILLED, "batch_9_in_process_1", *command]
        done = torchrun(*killed, module=False, max_restarts=1)
    else:
        ended = [KILLED, "terminated_at_batch_7_in_process_1", *command]
        done = forked(*ended, num_processes=2, module=False)
        assert done.returncode == 128 + signal.SIGTERM, done.stderr
        state = torch.load(tmp_path / "halves" / CHECKPOINT, weights_only=True)
        assert len(state["motionlens_processes"]) == 2
        done = forked("motionlens", *command, num_processes=2)
    assert done.returncode == 0, done.stderr
    assert_same_files(tmp_path / "halves", tmp_path / "whole")


def test_a_checkpoint_is_written_beside_the_old_one(tmp_path, monkeypatch):
    from motionlens.training import checkpoint_io

    writer = checkpoint_io.AtomicCheckpointIO()
    path = tmp_path / "checkpoints" / "last.ckpt"
    writer.save_checkpoint({"a": 1}, path)
    before = path.read_bytes()

    def fail(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint_io.torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        writer.save_checkpoint({"a": 2}, path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["last.ckpt"]
