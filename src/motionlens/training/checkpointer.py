"""When the state of training is written, within epochs too, and how SIGTERM ends a run."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

from motionlens._utils.distributed import gather_objects, is_main, rank
from motionlens.training.ddp import any_of_processes
from motionlens.training.ema import Ema
from motionlens.training.process_state import process_state, restore_process_state

EXIT_TERMINATED = 128 + signal.SIGTERM
_STATES = "motionlens_processes"


class Checkpointer(Checkpoint):
    """Write the whole state of training to one file: at the end of each epoch, and within epochs.

    A checkpoint within an epoch is made right after an optimizer step, so that no gradients are
    half added up; Lightning counts the batches, and what each process has of its own is in
    :func:`.process_state.process_state`. After an epoch's last step the validation comes first:
    only behind it the loop's state is whole.

    SIGTERM ends training after the next step, with a checkpoint; during validation at once.

    Args:
        path: the file, replaced in one step.
        ema: keeps the average of the weights; None if there is none.
        every_minutes: at the first step so long after the last checkpoint; None for never. The
            first process decides for all.
        every_steps: at every so many optimizer steps of the training; None for never.
        clock: seconds; replaced in tests.
    """

    def __init__(
        self,
        path: Path,
        ema: Ema | None,
        *,
        every_minutes: float | None,
        every_steps: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.ema, self.clock = path, ema, clock
        self.every_minutes, self.every_steps = every_minutes, every_steps
        self._written_at, self._is_within_epoch, self._is_terminated = 0.0, False, False
        self._stored: list[dict[str, Any]] = []
        self._handler: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Go on where the checkpoint was made; from now on SIGTERM waits for a step."""
        if self._stored:
            restore_process_state(self._stored[rank()], pl_module, self.ema)
            self._stored = []
        self._written_at = self.clock()

        def note(number: int, frame: object) -> None:
            self._is_terminated = True
            if trainer.validating:
                raise SystemExit(EXIT_TERMINATED)

        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, note)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write a checkpoint after a step if it is time."""
        if trainer.is_last_batch or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        minutes = (self.clock() - self._written_at) / 60
        is_time = self.every_minutes is not None and minutes >= self.every_minutes
        is_time, is_terminated = any_of_processes(
            [is_main() and is_time, self._is_terminated], pl_module.device
        )
        is_step = self.every_steps is not None and trainer.global_step % self.every_steps == 0
        if is_step or is_time or is_terminated:
            self._is_within_epoch = True
            self._write(trainer)
            self._is_within_epoch = False
        if is_terminated:
            raise SystemExit(EXIT_TERMINATED)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Do not begin a validation that SIGTERM would end."""
        if self._is_terminated:
            raise SystemExit(EXIT_TERMINATED)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write a checkpoint after each epoch."""
        self._write(trainer)

    def _write(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._written_at = self.clock()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: Any, checkpoint: dict[str, Any]
    ) -> None:
        """Add what each process has of its own."""
        if self._is_within_epoch:
            checkpoint[_STATES] = gather_objects(process_state(pl_module, self.ema))

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep it until training starts: until then networks are still moved and joined."""
        self._stored = checkpoint.get(_STATES, [])

    def teardown(self, *_: Any, **__: Any) -> None:
        """Let SIGTERM do what it did before."""
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None

    on_exception = teardown
