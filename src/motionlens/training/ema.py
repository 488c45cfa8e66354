"""The exponential moving average (EMA) of the weights, validated and kept in their place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn

from motionlens.training.ddp import average_over_processes


class Ema(WeightAveraging):
    """Lightning's weight averaging with a warm-up, over parameters and norm statistics.

    The first step's weights are the average; update ``n`` after them keeps
    ``min(decay, (1 + n) / (10 + n))`` of the average, so that early weights are soon forgotten.

    Args:
        decay: share of the average that an update keeps, at most.
        averages_norms: average the running statistics over processes after each epoch.
    """

    def __init__(self, decay: float, *, averages_norms: bool) -> None:
        def blend(average: Tensor, value: Tensor, num_updates: Tensor | int) -> Tensor:
            if not average.is_floating_point():
                return value  # a count of batches
            kept = min(decay, (1 + int(num_updates)) / (10 + int(num_updates)))
            return average.lerp(value, 1 - kept)

        super().__init__(avg_fn=blend)
        self._averages_norms = averages_norms

    def on_train_batch_end(self, trainer: pl.Trainer, *arguments: Any) -> None:
        """Update the average; at the end of an epoch make its statistics alike in all processes."""
        super().on_train_batch_end(trainer, *arguments)
        if trainer.is_last_batch and self._averages_norms:
            average_over_processes(self.average.buffers())

    @property
    def average(self) -> nn.Module:
        """The average, a module like the trained one."""
        assert self._average_model is not None
        average: nn.Module = self._average_model.module
        return average

    @contextmanager
    def swapped_in(self, module: pl.LightningModule) -> Iterator[None]:
        """Give the network the average as its weights for a while."""
        self._swap_models(module)
        try:
            yield
        finally:
            self._swap_models(module)
