"""How far training is within an epoch, by Lightning's count."""

from typing import Any

import lightning.pytorch as pl


def batches_done(trainer: pl.Trainer) -> int:
    """Batches of its epoch that lie behind a run when it starts; 0 where it begins an epoch."""
    loop: Any = trainer.fit_loop
    epochs = loop.epoch_progress.current
    # Behind the end of an epoch the batches are still counted as that epoch's.
    is_within = epochs.started > epochs.processed
    return int(loop.epoch_loop.batch_progress.current.processed) if is_within else 0
