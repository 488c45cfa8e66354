"""How far training is within an epoch, and how long it will take."""

import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from motionlens._utils.numbers import counted, duration
from motionlens._utils.progress import Show

# An estimate is made of so many batches, without the first, which is slower than others.
_ESTIMATED_FROM, _ESTIMATED_FROM_S = 3, 2.0


class StepProgress(Callback):
    """Show every batch, and say once how long the training will take.

    Args:
        show: gets the number of batches that are done and of all, and the epoch in words.
        say: gets the line.
        clock: seconds; replaced in tests.
    """

    def __init__(
        self, show: Show, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.show, self.say, self.clock = show, say, clock
        self._seen, self._began, self._has_said = 0, 0.0, False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show which epoch begins."""
        self._show(trainer, 0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show the batch that is done."""
        self._show(trainer, batch_idx + 1)
        now = self.clock()
        self._seen += 1
        if self._seen == 1:
            self._began = now
        elapsed, timed = now - self._began, self._seen - 1
        if self._has_said or timed < _ESTIMATED_FROM or elapsed < _ESTIMATED_FROM_S:
            return
        self._has_said = True
        done, total = self._counts(trainer, batch_idx + 1)
        if done >= total:
            return
        left = duration(elapsed / timed * (total - done))
        self.say(f"about {left} left for {counted(total - done, 'batch')}; validation takes more")

    def _show(self, trainer: pl.Trainer, in_epoch: int) -> None:
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self.show(*self._counts(trainer, in_epoch), epoch)

    def _counts(self, trainer: pl.Trainer, in_epoch: int) -> tuple[int, int]:
        per_epoch = int(trainer.num_training_batches)
        return trainer.current_epoch * per_epoch + in_epoch, (trainer.max_epochs or 0) * per_epoch
