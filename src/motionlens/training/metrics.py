"""What is measured while training, besides what torchmetrics has ready."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


class WeightedMean(Metric):
    """The mean of values that count differently, over all processes.

    torchmetrics' own ``MeanMetric`` either leaves out values that are no number or, told not to,
    lets all values count the same.
    """

    full_state_update = False
    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "weight"):
            self.add_state(name, torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, value: Tensor, weight: Any) -> None:
        """Let in a value that counts ``weight`` times."""
        self.total += value * weight
        self.weight += weight

    def compute(self) -> Tensor:
        """The mean; no number where nothing was let in."""
        return self.total / self.weight
