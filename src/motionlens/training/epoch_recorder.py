"""What is written and printed after each epoch, and when training stops early."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from torch.optim import Optimizer

from motionlens._utils.distributed import is_main
from motionlens._utils.numbers import duration, percent
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.training.ema import Ema
from motionlens.training.epoch_position import batches_done
from motionlens.training.run_folder import read_metrics, write_metrics

# Steps between two points of TensorBoard's curves.
LOG_EVERY = 10
# What says how good weights are: the first that a run has.
_FIGURES = ("validation_accuracy", "validation_map")


def figure_of(row: dict[str, float]) -> float | None:
    """The accuracy or the mean average precision of an epoch; None where it was not validated."""
    return next((row[name] for name in _FIGURES if name in row), None)


def kept_epoch(history: list[dict[str, float]], keep: str) -> dict[str, float]:
    """The row of the epoch whose weights are kept: the last, or the best, by loss among equals."""
    if keep == "last":
        return history[-1]
    return max(history, key=_quality)


def _quality(row: dict[str, float]) -> tuple[float, float]:
    """What an epoch is judged by: of few videos, many epochs have the same figure."""
    figure = figure_of(row)
    return (-1.0, 0.0) if figure is None else (figure, -_loss(row))


def _loss(row: dict[str, float]) -> float:
    return row.get("validation_loss", math.inf)


def better_epoch(history: list[dict[str, float]]) -> dict[str, float] | None:
    """The row of the best epoch if the last one is worse; None if it is not."""
    best = kept_epoch(history, "best")
    better, last = figure_of(best), figure_of(history[-1])
    return best if better is not None and last is not None and better > last else None


def has_stalled(history: list[dict[str, float]], patience: int | None) -> bool:
    """Whether the last ``patience`` validations have brought no better figure and no lower loss.

    Of a few dozen videos the figure stands still for long while the loss still falls.
    """
    rows = [row for row in history if figure_of(row) is not None]
    if patience is None or not rows:
        return False
    losses = list(map(_loss, rows))
    best = max(rows.index(max(rows, key=_quality)), losses.index(min(losses)))
    return len(rows) - 1 - best >= patience


class EpochRecorder(Callback):
    """After each epoch: a row in ``metrics.csv``, the recognizer's files, one printed line.

    Args:
        run: the run folder.
        keep: ``"last"`` or ``"best"``.
        patience: validations without a better one after which training stops; None for never.
        console: for the line.
        ema: keeps the average that is written in place of the weights; None for the weights.
        clock: seconds; replaced in tests.
    """

    def __init__(
        self,
        run: Path,
        keep: str,
        patience: int | None,
        console: Console,
        ema: Ema | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run, self.keep, self.patience, self.console = run, keep, patience, console
        self.ema, self.clock = ema, clock
        self._began, self._done_before, self._lr = 0.0, 0.0, 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do not go on with a run that had stopped early."""
        rows = [row for row in read_metrics(self.run) if row["epoch"] <= trainer.current_epoch]
        self._stop_if_stalled(trainer, rows)
        self._began = self.clock()
        part = batches_done(trainer) / trainer.num_training_batches
        self._done_before = trainer.current_epoch + part
        # An epoch that is resumed in its middle has no start of its own.
        self.on_train_epoch_start(trainer, pl_module)
        self._lr = trainer.optimizers[0].param_groups[0]["lr"]

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Note the rate of the step that follows; after it the schedule has set the next one."""
        self._lr = optimizer.param_groups[0]["lr"]
        if trainer.global_step % LOG_EVERY == 0 or trainer.is_last_batch:
            for logger in trainer.loggers:
                logger.log_metrics({"lr": self._lr}, trainer.global_step)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Have the last epoch validated, whatever ``validate_every`` says."""
        if trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.check_val_every_n_epoch = 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Record the epoch that has just ended, validation included."""
        epoch = trainer.current_epoch + 1
        row: dict[str, float] = {"epoch": epoch}
        # Of all processes together, so that each has to ask.
        for name, value in trainer.callback_metrics.items():
            every = trainer.check_val_every_n_epoch or 1
            is_fresh = epoch % every == 0 or not name.startswith("validation_")
            if name != "loss" and is_fresh:
                row[name] = float(value)
        row["lr"] = self._lr
        rows = []
        if is_main():
            # A run that was killed may have recorded an epoch that its checkpoint does not hold.
            rows = [row for row in read_metrics(self.run) if row["epoch"] < epoch]
            rows.append(row)
            write_metrics(self.run, rows)
            if kept_epoch(rows, self.keep) is row:
                with nullcontext() if self.ema is None else self.ema.swapped_in(pl_module):
                    save_checkpoint(self.run, pl_module.model, pl_module.card)
            self._print(trainer, row)
        self._stop_if_stalled(trainer, rows)

    def _stop_if_stalled(self, trainer: pl.Trainer, rows: list[dict[str, float]]) -> None:
        if self.patience is None or trainer.current_epoch + 1 == trainer.max_epochs:
            return
        if trainer.strategy.broadcast(has_stalled(rows, self.patience)):
            trainer.should_stop = True
            self.console.print(f"stopped: {self.patience} validations brought nothing better")

    def _print(self, trainer: pl.Trainer, row: dict[str, float]) -> None:
        line = f"epoch {row['epoch']:.0f}/{trainer.max_epochs}  train loss {row['train_loss']:.3f}"
        for name in ("train_accuracy", "validation_accuracy", "validation_map"):
            if name in row:
                label = name.replace("_", " ").replace("map", "mAP")
                line += f"  {label} {percent(row[name])}"
        self.console.print(line + self._time_left(trainer))

    def _time_left(self, trainer: pl.Trainer) -> str:
        done, epochs = trainer.current_epoch + 1, trainer.max_epochs or 0
        if done >= epochs:
            return ""
        per_epoch = (self.clock() - self._began) / (done - self._done_before)
        return f"  {duration(per_epoch * (epochs - done))} left"
