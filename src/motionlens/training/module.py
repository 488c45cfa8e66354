"""The Lightning module: loss, optimiser and metrics around a network."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix
from torchmetrics.functional.classification import multilabel_average_precision

from motionlens._utils.distributed import gather_rows, rank, world_size
from motionlens.inference.card import FORMAT_VERSION, ModelCard
from motionlens.models.optimize import to_channels_last
from motionlens.ops.sync_batchnorm import convert_sync_batchnorm
from motionlens.training.build import Loaders
from motionlens.training.ddp import average_over_processes, summed_over_processes
from motionlens.training.epoch_position import batches_done
from motionlens.training.losses import (
    StepPlan,
    balanced_weights,
    clip_losses,
    clip_losses_of_several_labels,
    weighted_mean,
)
from motionlens.training.mixing import mix
from motionlens.training.optimizer import lr_factor, make_optimizer, set_norm_momentum
from motionlens.training.recipe import Recipe
from motionlens.training.run_folder import CHECKPOINT
from motionlens.training.tensorboard_pictures import clip_strip, confusion_picture

Batch = dict[str, Tensor]
# Keeps the numbers drawn for mixing apart from those drawn for clips and their order.
_MIX_STREAM = 2


class TrainingModule(pl.LightningModule):
    """Loss, optimiser and metrics around a network.

    Args:
        model: from clips ``(B, 3, T, H, W)`` to logits ``(B, num_classes)``.
        recipe: how its weights are learned.
        card: goes into every checkpoint.
        open_loaders: called once the processes know each other; gives this one's loaders of
            training and validation clips.
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, card: ModelCard, open_loaders: Callable[[], Loaders]
    ) -> None:
        super().__init__()
        self.model, self.recipe, self.card = model, recipe, card
        self.config = recipe.optim
        self._open_loaders = open_loaders
        self.loaders: Loaders
        self._class_weights: Tensor | None = None
        classes = len(card.class_names)
        # Without its check, which would end a run at a loss that is not a number.
        self.train_loss = MeanMetric(nan_strategy="disable")
        self.validation_loss = MeanMetric(nan_strategy="disable")
        if not card.multi_label:
            self.train_accuracy = MulticlassAccuracy(classes, average="micro")
            self.confusion = MulticlassConfusionMatrix(classes)
        # Of several labels, what the validation clips' mean average precision is made of.
        self._validated: list[tuple[Tensor, Tensor]] = []

    def setup(self, stage: str) -> None:
        """Open the loaders; make the network ready for the device and what the recipe asks for."""
        self.loaders = self._open_loaders()
        if self.config.class_weights == "balanced":
            index = self.loaders[0].dataset.index  # type: ignore[attr-defined]
            counts = torch.tensor(list(index.counts().values()), dtype=torch.float32)
            self._class_weights = balanced_weights(
                counts, len(index), several=self.card.multi_label
            )
        if self.trainer.strategy.root_device.type == "cuda":
            to_channels_last(self.model)
        if self.config.sync_batchnorm and world_size() > 1:
            convert_sync_batchnorm(self.model, summed_over_processes)
        if self.config.compile:
            self.model.compile()

    @property
    def plan(self) -> StepPlan:
        """How the epoch's clips make steps."""
        train: Any = self.loaders[0]
        return StepPlan(len(train.dataset), train.batch_size, world_size(), self.config.accumulate)

    def train_dataloader(self) -> Any:
        """The training clips, from the epoch and the batch at which a resumed run continues.

        Lightning reads the first clips before it calls any hook of the epoch and before it sets
        ``current_epoch``.
        """
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        done = batches_done(self.trainer)
        if done and done >= self.plan.num_batches:
            raise ValueError(
                f"{CHECKPOINT} lies behind {done} batches of an epoch, which has "
                f"{self.plan.num_batches} now; bring the videos back that are gone, or start a "
                "new run"
            )
        self._set_epoch(progress.processed, done)
        return self.loaders[0]

    def val_dataloader(self) -> Any:
        """The validation clips."""
        return self.loaders[1]

    def on_train_start(self) -> None:
        """Make norms ready; an epoch that is resumed in its middle has no start of its own."""
        set_norm_momentum(self.model, self.current_epoch, self.config)

    def on_train_epoch_start(self) -> None:
        """Draw order and augmentation for this epoch."""
        self._set_epoch(self.current_epoch)
        set_norm_momentum(self.model, self.current_epoch, self.config)

    def _set_epoch(self, epoch: int, batches_done: int = 0) -> None:
        train: Any = self.loaders[0]
        train.dataset.set_epoch(epoch)
        train.sampler.skipped = batches_done * train.batch_size

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Use 32-bit weights: not every device has 64-bit numbers."""
        return {**batch, "weight": batch["weight"].float()}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Let dropout depend only on seed, epoch and process."""
        if batch_idx == 0:
            numbers = [self.recipe.seed, self.current_epoch, *([rank()] if rank() else [])]
            state = np.random.SeedSequence(numbers).generate_state(1)
            torch.manual_seed(int(state[0]))

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Loss of a batch."""
        clip, target, weight = batch["clip"], batch["label"], batch["weight"]
        smoothing, plan = self.config.label_smoothing, self.plan
        mixed = None
        if self.recipe.augment.mix_probability:
            numbers = [self.recipe.seed, self.current_epoch, _MIX_STREAM, number, rank()]
            rng, classes = np.random.default_rng(numbers), len(self.card.class_names)
            mixed = mix(clip, target, weight, classes, self.recipe.augment, rng)
            clip, target = mixed or (clip, target)
        logits = self.model(clip).float()
        special = self._class_weights is not None or self.config.focal_gamma
        if plan.is_plain and mixed is None and not self.card.multi_label and not special:
            loss = F.cross_entropy(logits, target, label_smoothing=smoothing)
            mean = loss.detach()
        else:
            of_clips = clip_losses_of_several_labels if self.card.multi_label else clip_losses
            weights = self._class_weights
            losses = of_clips(
                logits,
                target,
                smoothing,
                weights=None if weights is None else weights.to(logits.device),
                focal_gamma=self.config.focal_gamma,
            )
            loss = torch.dot(weight, losses) * plan.scale(number)
            mean = weighted_mean(losses.detach(), weight)
        if not torch.isfinite(loss):
            raise ValueError(
                f"the loss must stay a finite number, got {float(loss.detach())} in epoch "
                f"{self.current_epoch + 1}; lower optim.lr (now {self.config.lr})"
                + ("" if self.config.precision == "32-true" else " or set optim.precision 32-true")
            )
        self.log("loss", mean, prog_bar=True, logger=False)
        self.train_loss.update(mean.expand(int(weight.sum())))
        self.log("train_loss", self.train_loss, on_step=False, on_epoch=True)
        if not self.card.multi_label:
            self._count(logits.detach(), target, weight)
        return loss

    def _count(self, logits: Tensor, target: Tensor, weight: Tensor) -> None:
        # A mixed clip counts as the class with the larger share.
        label = target.argmax(1) if target.dim() == 2 else target
        if world_size() > 1:
            logits, label = logits[weight > 0], label[weight > 0]
        if len(label):
            self.train_accuracy.update(logits, label)
        self.log("train_accuracy", self.train_accuracy, on_step=False, on_epoch=True, prog_bar=True)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Make the norms' running statistics alike in all processes at the end of an epoch."""
        if self.trainer.is_last_batch and not self.config.sync_batchnorm:
            average_over_processes(self.model.buffers())

    def validation_step(self, batch: Batch, number: int) -> None:
        """Measure a batch."""
        logits, label = self.model(batch["clip"]).float(), batch["label"]
        if world_size() > 1 and not batch["weight"].any():
            return  # nothing but padding
        if self.card.multi_label:
            loss = clip_losses_of_several_labels(logits, label).mean()
            self._validated.append((logits, label))
            right = ((logits > 0) == (label > 0.5)).all(1)
        else:
            loss = F.cross_entropy(logits, label)
            self.confusion.update(logits, label)
            right = logits.argmax(1) == label
        self.validation_loss.update(loss.expand(len(label)))
        shown = self.recipe.log.clips - number * self.plan.batch_size
        for place in range(min(shown, len(label))):
            strip = clip_strip(batch["clip"][place], self.card, is_right=bool(right[place]))
            self._show(f"validation_clips/{int(batch['index'][place])}", strip)

    def on_validation_epoch_end(self) -> None:
        """Compute the metrics over all processes."""
        self.log("validation_loss", self.validation_loss)
        if self.card.multi_label:
            self.log("validation_map", self._mean_average_precision(), prog_bar=True)
            return
        matrix = self.confusion.compute()
        self.confusion.reset()
        self.log("validation_accuracy", matrix.diag().sum() / matrix.sum(), prog_bar=True)
        if self.recipe.log.confusion:
            self._show("validation_confusion", confusion_picture(matrix, self.card.class_names))

    def _mean_average_precision(self) -> Tensor:
        validation: Any = self.loaders[1].dataset
        # A process may have had no clips.
        nothing = torch.zeros(0, len(self.card.class_names), device=self.device)
        logits = torch.cat([nothing, *(logits for logits, _ in self._validated)])
        targets = torch.cat([nothing, *(targets for _, targets in self._validated)])
        logits, targets = (gather_rows(rows, len(validation)) for rows in (logits, targets))
        classes = len(self.card.class_names)
        self._validated.clear()  # Lightning resets the metrics that it logs, this it does not
        precisions = multilabel_average_precision(logits, targets.long(), classes, average=None)
        # A class that no validation video shows has none; torchmetrics would count it as 0.
        shown = precisions[targets.any(dim=0)]
        return shown.mean() if len(shown) else torch.zeros((), device=self.device)

    def _show(self, name: str, picture: NDArray[np.uint8]) -> None:
        """Hand a picture to TensorBoard; only the first process writes."""
        logger: Any = self.logger
        logger.experiment.add_image(name, picture, self.global_step, dataformats="HWC")

    def configure_optimizers(self) -> Any:
        """AdamW or SGD with the recipe's schedule, which advances with every step."""
        optimizer = make_optimizer(self.model, self.config)
        # Not trainer.estimated_stepping_batches: it reads clips before the epoch of a resumed run
        # is known.
        assert self.config.epochs is not None
        num_steps = self.config.epochs * self.plan.num_steps
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: lr_factor(step, num_steps, self.config)
        )
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what makes a recognizer of the checkpoint."""
        checkpoint["motionlens"] = {
            "format_version": FORMAT_VERSION,
            "card": self.card.to_json(),
            "world_size": world_size(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Check that the checkpoint has this card and number of processes."""
        ours = checkpoint.get("motionlens", {})
        stored = ours.get("card")
        if stored is None or ModelCard.from_json(stored) != ModelCard.from_json(
            self.card.to_json()
        ):
            raise ValueError(
                f"{CHECKPOINT} must be of the same model, classes and clip as the recipe; "
                "the data or the code has changed since, start a new run"
            )
        before = ours.get("world_size", 1)
        if before != world_size():
            raise ValueError(
                f"a resumed run must have as many processes as before, {before}, got "
                f"{world_size()}; start that many, for steps and learning rates are counted by them"
            )
