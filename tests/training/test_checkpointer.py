"""When checkpoints are written, and how SIGTERM ends a run; what is in them is in test_killing."""

import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from motion_videos import tiny_recipe, write_dataset
from motionlens.training.checkpointer import Checkpointer
from motionlens.training.fit import fit
from motionlens.training.module import TrainingModule
from motionlens.training.run_folder import CHECKPOINT


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


def written(minutes, steps, seconds, accumulate=1):
    """After which of six batches a checkpoint is written that take so many seconds each."""
    now, found = [0.0], []
    checkpointer = Checkpointer(
        "last.ckpt", None, every_minutes=minutes, every_steps=steps, clock=lambda: now[0]
    )
    trainer = SimpleNamespace(
        accumulate_grad_batches=accumulate, save_checkpoint=lambda path: found.append(batch + 1)
    )
    module = SimpleNamespace(device=torch.device("cpu"))
    checkpointer.on_train_start(trainer, module)
    for batch in range(6):
        now[0] += seconds
        trainer.global_step = (batch + 1) // accumulate
        trainer.is_last_batch = batch == 5
        checkpointer.on_train_batch_end(trainer, module, None, None, batch)
    checkpointer.on_train_epoch_end(trainer, module)
    checkpointer.teardown()
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((None, None, 1000), [6]),
        ((10, None, 100), [6]),
        ((1, None, 25), [3, 6]),
        ((0.5, None, 25), [2, 4, 6]),
        ((None, 2, 1), [2, 4, 6]),
        ((None, 1, 1, 2), [2, 4, 6]),
        ((1 / 60, None, 1, 3), [3, 6]),
        ((1, 4, 25), [3, 4, 6]),
    ],
)
def test_when_a_checkpoint_is_written(options, expected):
    before = signal.getsignal(signal.SIGTERM)
    assert written(*options) == expected
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_ends_a_validation_at_once(videos, tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def validation_step(self, batch, number):
        seen.append(number)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(TrainingModule, "validation_step", validation_step)
    recipe = replace(tiny_recipe(videos, tmp_path / "run"), checkpoint_every_steps=1)
    with pytest.raises(SystemExit) as ended:
        fit(recipe, progress=False)
    assert (ended.value.code, seen) == (128 + signal.SIGTERM, [0])
    assert signal.getsignal(signal.SIGTERM) is before
    assert torch.load(tmp_path / "run" / CHECKPOINT, weights_only=True)["global_step"] == 2


def test_sigterm_in_the_last_batch_of_an_epoch_begins_no_validation(videos, tmp_path, monkeypatch):
    step = TrainingModule.training_step

    def training_step(self, batch, number):
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch, number)

    def validation_step(self, batch, number):
        raise AssertionError("validation began")

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    monkeypatch.setattr(TrainingModule, "validation_step", validation_step)
    with pytest.raises(SystemExit) as ended:
        fit(tiny_recipe(videos, tmp_path / "run"), progress=False)
    assert ended.value.code == 128 + signal.SIGTERM
    assert not (tmp_path / "run").exists()  # there was no checkpoint yet


def test_an_epoch_that_has_become_too_short_is_refused(videos, tmp_path, monkeypatch):
    recipe = replace(tiny_recipe(videos, tmp_path / "run"), checkpoint_every_steps=1)
    step = TrainingModule.training_step

    def training_step(self, batch, number):
        if number == 2:
            raise KeyboardInterrupt
        return step(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", training_step)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, progress=False)
    fewer = write_dataset(tmp_path / "fewer", videos_per_class=2)
    message = r"last.ckpt lies behind 2 batches of an epoch, which has 1 now"
    with pytest.warns(UserWarning, match="the data"), pytest.raises(ValueError, match=message):
        fit(replace(recipe, data=str(fewer)), resume=True, progress=False)
