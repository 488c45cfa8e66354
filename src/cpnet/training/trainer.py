"""Train a recognizer from a recipe, with Lightning."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from cpnet._errors import one_line
from cpnet.config import OptimConfig, Recipe
from cpnet.devices import resolve_device
from cpnet.models.card import FORMAT_VERSION, ModelCard
from cpnet.models.weights import Weights, load_card, read_weights, save_checkpoint, start_from
from cpnet.runs import CHECKPOINT, TENSORBOARD, begun_run, check_run, read_metrics, write_metrics
from cpnet.sources import open_parts
from cpnet.training.optimisation import lr_factor, make_optimizer
from cpnet.training.setup import Loaders, build_model, describe_start, make_card, make_loaders

Batch = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What a training run has led to.

    Attributes:
        run: the run folder, which :meth:`cpnet.Recognizer.from_pretrained` loads.
        metrics: of the epoch whose weights were kept: ``epoch`` (from 1), ``train_loss``,
            ``train_accuracy``, ``validation_loss``, ``validation_accuracy`` (0 to 1).
        history: the same for every epoch; validation only where it was made.
    """

    run: Path
    metrics: dict[str, float]
    history: list[dict[str, float]]


def fit(
    recipe: Recipe, *, resume: bool = False, overwrite: bool = False, progress: bool = True
) -> FitResult:
    """Train what a recipe says, and leave a recognizer in its run folder.

    On the CPU, a run that was interrupted and resumed ends with the same weights as one that was
    not: order, augmentation and dropout depend on the seed and the epoch alone.

    Args:
        recipe: see :class:`cpnet.config.Recipe`.
        resume: go on with the run in ``recipe.out`` after its last finished epoch.
        overwrite: remove a run that ``recipe.out`` holds.
        progress: print one line an epoch, with a progress bar on a terminal.

    Returns:
        The run folder and what was measured.

    Raises:
        ValueError: If the run folder, the data, the model's options or the device cannot be used,
            the weights to start from do not fit, a video cannot be decoded, or the loss stops
            being a number.
        KeyboardInterrupt: If interrupted; the run can be resumed after its last finished epoch.
    """
    check_run(recipe, resume=resume, overwrite=overwrite)
    device = resolve_device(recipe.device)
    train, validation = open_parts(recipe)
    start, start_card = _read_start(recipe, resume)
    card = make_card(recipe, train.class_names, start_card)
    torch.manual_seed(recipe.seed)
    model = build_model(card)
    report = start_from(model, start, card.class_names) if start else None
    loaders = make_loaders(recipe, card, train, validation)
    console = Console(highlight=False, markup=False, soft_wrap=True, quiet=not progress)
    with begun_run(recipe, resume=resume, overwrite=overwrite) as run, _quiet_lightning():
        for line in describe_start(model, card, train, validation):
            console.print(line)
        for line in report.lines() if report else ():
            console.print(line)
        module = TrainingModule(model, recipe.optim, card, loaders, seed=recipe.seed)
        trainer = _make_trainer(recipe, run, device, console)
        _run_trainer(trainer, module, run / CHECKPOINT if resume else None)
    history = read_metrics(run)
    return FitResult(run=run, metrics=kept_epoch(history, recipe.keep), history=history)


def _read_start(recipe: Recipe, resume: bool) -> tuple[Weights | None, ModelCard | None]:
    """The weights that a run starts from, and the card that says what they are of."""
    if recipe.init is None:
        return None, None
    if resume:
        # The weights are in the run's own checkpoint, and its card has taken over theirs.
        return None, load_card(recipe.out)
    weights = read_weights(recipe.init)
    return weights, weights.card


def kept_epoch(history: list[dict[str, float]], keep: str) -> dict[str, float]:
    """The row of the epoch whose weights are kept: the last, or the first of the best."""
    if keep == "last":
        return history[-1]
    return max(history, key=lambda row: row.get("validation_accuracy", -1.0))


class TrainingModule(pl.LightningModule):
    """Loss, optimiser and metrics around a network.

    Args:
        model: from clips ``(B, 3, T, H, W)`` to logits ``(B, num_classes)``.
        config: how its weights are learned.
        card: goes into every checkpoint.
        loaders: of training and validation clips.
        seed: decides, with the epoch, what dropout draws.
    """

    def __init__(
        self, model: nn.Module, config: OptimConfig, card: ModelCard, loaders: Loaders, *, seed: int
    ) -> None:
        super().__init__()
        self.model, self.config, self.card, self.seed = model, config, card, seed
        self.loaders = loaders
        classes = len(card.class_names)
        # Left to itself, the mean of losses would leave out those that are no number.
        self.train_loss = MeanMetric(nan_strategy="disable")
        self.validation_loss = MeanMetric(nan_strategy="disable")
        self.train_accuracy = MulticlassAccuracy(classes, average="micro")
        self.validation_accuracy = MulticlassAccuracy(classes, average="micro")

    def train_dataloader(self) -> Any:
        """The training clips, beginning with the epoch that a resumed run stands at.

        Lightning starts reading before any hook of the epoch is called, and before it has made
        up its mind on ``current_epoch``.
        """
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        self._set_epoch(progress.processed)
        return self.loaders[0]

    def val_dataloader(self) -> Any:
        """The validation clips."""
        return self.loaders[1]

    def on_train_epoch_start(self) -> None:
        """Have order and augmentation drawn for this epoch."""
        self._set_epoch(self.current_epoch)

    def _set_epoch(self, epoch: int) -> None:
        self.loaders[0].dataset.set_epoch(epoch)  # type: ignore[attr-defined]

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make what dropout draws in an epoch a matter of seed and epoch alone."""
        if batch_idx == 0:
            state = np.random.SeedSequence([self.seed, self.current_epoch]).generate_state(1)
            torch.manual_seed(int(state[0]))

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Loss of a batch."""
        loss = self._measure("train", batch, self.config.label_smoothing)
        if not torch.isfinite(loss):
            raise ValueError(
                f"the loss must stay a finite number, got {float(loss.detach())} in epoch "
                f"{self.current_epoch + 1}; lower optim.lr (now {self.config.lr})"
                + ("" if self.config.precision == "32-true" else " or set optim.precision 32-true")
            )
        self.log("loss", loss.detach(), prog_bar=True, logger=False)
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Measure a batch."""
        self._measure("validation", batch, 0.0)

    def _measure(self, part: str, batch: Batch, label_smoothing: float) -> Tensor:
        logits, labels = self.model(batch["clip"]).float(), batch["label"]
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        mean: MeanMetric = getattr(self, f"{part}_loss")
        accuracy: MulticlassAccuracy = getattr(self, f"{part}_accuracy")
        mean.update(loss.detach(), weight=len(labels))
        accuracy.update(logits.detach(), labels)
        self.log(f"{part}_loss", mean, on_step=False, on_epoch=True)
        self.log(f"{part}_accuracy", accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW or SGD with the recipe's schedule, moved on every step."""
        optimizer = make_optimizer(self.model, self.config)
        # Not trainer.estimated_stepping_batches: to count, that starts reading clips before it is
        # known at which epoch a resumed run stands.
        num_steps = self.config.epochs * len(self.loaders[0])
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: lr_factor(step, num_steps, self.config)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what is needed to make a recognizer of the checkpoint."""
        checkpoint["cpnet"] = {"format_version": FORMAT_VERSION, "card": self.card.to_json()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse a checkpoint of another recognizer."""
        stored = checkpoint.get("cpnet", {}).get("card")
        if stored is None or ModelCard.from_json(stored) != ModelCard.from_json(
            self.card.to_json()
        ):
            raise ValueError(
                f"{CHECKPOINT} must be of the same model, classes and clip as the recipe; "
                "the data or the code has changed since, start a new run"
            )


class EpochRecorder(Callback):
    """After each epoch: a row in ``metrics.csv``, the recognizer's files, one printed line.

    Args:
        run: the run folder.
        keep: ``"last"`` or ``"best"``.
        console: for the line.
    """

    def __init__(self, run: Path, keep: str, console: Console) -> None:
        self.run, self.keep, self.console = run, keep, console

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Have the last epoch validated, whatever ``validate_every`` says."""
        if trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.check_val_every_n_epoch = 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record the epoch that has just ended, validation included."""
        epoch = trainer.current_epoch + 1
        # A run that was killed may have recorded an epoch that its checkpoint does not hold.
        rows = [row for row in read_metrics(self.run) if row["epoch"] < epoch]
        row: dict[str, float] = {"epoch": epoch}
        for name, value in trainer.callback_metrics.items():
            fresh = not name.startswith("validation_") or _validates(trainer)
            if name != "loss" and fresh:
                row[name] = float(value)
        row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]
        rows.append(row)
        write_metrics(self.run, rows)
        if kept_epoch(rows, self.keep) is row:
            assert isinstance(pl_module, TrainingModule)
            save_checkpoint(self.run, pl_module.model, pl_module.card)
        self._print(trainer, row)

    def _print(self, trainer: pl.Trainer, row: dict[str, float]) -> None:
        line = f"epoch {row['epoch']:.0f}/{trainer.max_epochs}  train loss {row['train_loss']:.3f}"
        line += f"  train accuracy {100 * row['train_accuracy']:.1f} %"
        if "validation_accuracy" in row:
            line += f"  validation accuracy {100 * row['validation_accuracy']:.1f} %"
        bar = trainer.progress_bar_callback
        if bar is None:
            self.console.print(line)
        else:
            bar.print(line)


class _Bar(TQDMProgressBar):
    """Lightning's bar, counting epochs from 1 as all else does, without the logger's version."""

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        super().on_train_epoch_start(trainer)
        epoch = f"Epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self.train_progress_bar.set_description(epoch)

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> Any:
        values = super().get_metrics(trainer, pl_module)
        return {name: value for name, value in values.items() if name != "v_num"}


def _validates(trainer: pl.Trainer) -> bool:
    every = trainer.check_val_every_n_epoch or 1
    return (trainer.current_epoch + 1) % every == 0


def _make_trainer(recipe: Recipe, run: Path, device: torch.device, console: Console) -> pl.Trainer:
    checkpoint = run / CHECKPOINT
    callbacks: list[Callback] = [
        EpochRecorder(run, recipe.keep, console),
        ModelCheckpoint(
            dirpath=checkpoint.parent,
            filename=checkpoint.stem,
            # At the end of an epoch, not of its validation: only there the loop's state is whole.
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        ),
    ]
    show_bar = not console.quiet and sys.stdout.isatty()
    if show_bar:
        callbacks.append(_Bar())
    return pl.Trainer(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=1 if device.index is None else [device.index],
        precision=recipe.optim.precision,
        max_epochs=recipe.optim.epochs,
        check_val_every_n_epoch=recipe.validate_every,
        gradient_clip_val=recipe.optim.grad_clip or None,
        logger=TensorBoardLogger(run, name=TENSORBOARD, version="", default_hp_metric=False),
        callbacks=callbacks,
        enable_progress_bar=show_bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        use_distributed_sampler=False,
    )


def _run_trainer(trainer: pl.Trainer, module: TrainingModule, checkpoint: Path | None) -> None:
    """Train; an interrupt comes out as KeyboardInterrupt, as everywhere else in Python."""
    if checkpoint is not None:
        _check_checkpoint(checkpoint)
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
    except SystemExit:
        # Lightning turns an interrupt into an exit, and ignores all later ones.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


def _check_checkpoint(path: Path) -> None:
    """Refuse a damaged checkpoint before Lightning meets it, whose words are of no use."""
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # zip, pickle, end of file: torch's errors are of many types
        raise ValueError(
            f"{path} is damaged: {one_line(error)[:80]}; start anew with --overwrite"
        ) from None


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Silence Lightning's notices on devices, loggers and workers; errors and ours still pass."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", module=r"(lightning|torch)\b")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
