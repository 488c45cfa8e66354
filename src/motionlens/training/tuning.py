"""A learning rate and a batch size to begin with, as Lightning's tuner finds them.

Neither leaves a run behind: what is written meanwhile lies in a temporary folder.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.tuner.tuning import Tuner

from motionlens._utils.devices import resolve_device
from motionlens.training.fit import common_options, quiet_lightning
from motionlens.training.module import TrainingModule
from motionlens.training.processes import planned_processes
from motionlens.training.recipe import LogConfig, Recipe
from motionlens.training.setup import Loaders, make_loaders
from motionlens.training.start import Start, make_start

LEAST_LR, GREATEST_LR, LR_STEPS = 1e-6, 1.0, 100
# Where memory is not what runs out first, the search ends here.
LARGEST_BATCH = 1024


def find_lr(recipe: Recipe) -> float | None:
    """The learning rate at which the loss falls fastest while the rate rises from step to step.

    Args:
        recipe: what is trained; its run folder is not touched.

    Returns:
        The rate; None where the loss has not fallen anywhere.

    Raises:
        ValueError: If several processes were asked for, or as for :func:`motionlens.fit`.
    """
    _check_alone(recipe, "find_lr")
    start = make_start(recipe)
    with _tuner(recipe, resolve_device(recipe.device)) as tuner:
        module = _TunedModule(start, recipe)
        found: Any = tuner.lr_find(
            module,
            min_lr=LEAST_LR,
            max_lr=GREATEST_LR,
            num_training=LR_STEPS,
            attr_name="lr",
            update_attr=False,
        )
        return None if found is None else found.suggestion()


def scale_batch_size(recipe: Recipe) -> int:
    """The largest batch size, of powers of two, that fits into the device's memory.

    Args:
        recipe: what is trained; its run folder is not touched.

    Raises:
        ValueError: On a CPU, where too large a batch ends the process instead of an attempt; if
            several processes were asked for; or as for :func:`motionlens.fit`.
    """
    _check_alone(recipe, "scale_batch_size")
    device = resolve_device(recipe.device)
    _check_memory(device)
    start = make_start(recipe)
    # A batch larger than the data set would not be one.
    most = min(LARGEST_BATCH, len(start.train))
    with _tuner(recipe, device) as tuner:
        module = _TunedModule(start, recipe)
        module.batch_size = 1
        size = tuner.scale_batch_size(module, init_val=1, max_trials=most.bit_length())
        return min(size or 1, most)


class _TunedModule(TrainingModule):
    """A training module with the two numbers that the tuner turns."""

    def __init__(self, start: Start, recipe: Recipe) -> None:
        self.lr, self.batch_size = recipe.optim.lr, recipe.optim.batch_size
        recipe = replace(recipe, log=LogConfig(confusion=False, clips=0))

        def open_loaders() -> Loaders:
            return make_loaders(
                recipe,
                start.card,
                start.transform,
                start.train,
                start.validation,
                batch_size=self.batch_size,
            )

        super().__init__(start.model, recipe, start.card, open_loaders)

    def train_dataloader(self) -> Any:
        """Loaders of the batch size that is being tried."""
        if self.loaders is None or self.loaders[0].batch_size != self.batch_size:
            self.loaders = self._open_loaders()
        return super().train_dataloader()


@contextlib.contextmanager
def _tuner(recipe: Recipe, device: torch.device) -> Iterator[Tuner]:
    with (
        tempfile.TemporaryDirectory() as folder,
        quiet_lightning(),
        # The tuner draws a bar, whatever the trainer is told.
        contextlib.redirect_stderr(io.StringIO()),
    ):
        trainer = pl.Trainer(
            **common_options(recipe, device),
            default_root_dir=folder,
            max_epochs=-1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            limit_val_batches=0,
        )
        yield Tuner(trainer)


def _check_alone(recipe: Recipe, what: str) -> None:
    devices, num_nodes = planned_processes(recipe)
    if devices * num_nodes > 1:
        raise ValueError(
            f"{what} works in one process, got {devices * num_nodes}; set devices and num_nodes to "
            "1, and scale what it finds by hand"
        )


def _check_memory(device: torch.device) -> None:
    if device.type == "cpu":
        raise ValueError(
            "scale_batch_size needs a device that says when its memory is full, on a CPU the "
            "process is ended instead; set optim.batch_size yourself"
        )
