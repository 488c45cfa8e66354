"""A moving average of a network's weights, which is validated and kept in their place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of all parameters and of the norms' statistics.

    Args:
        model: whose weights are averaged; the average begins with those that it has now.
        decay: part of the average that an update leaves, at most. Update ``n``, from 1, leaves
            ``(1 + n) / (10 + n)``, if that is less, so that the first weights do not stay for long.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay = model, decay
        self.num_updates = 0
        self.values = {name: value.detach().clone() for name, value in _state(model)}

    @torch.no_grad()
    def update(self) -> None:
        """Let the weights as they are now into the average."""
        self.num_updates += 1
        part = 1 - min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, value in _state(self.model):
            average = self.values[name]
            if average.device != value.device:
                average = self.values[name] = average.to(value.device)
            if average.is_floating_point():
                average.lerp_(value, part)
            else:  # a count
                average.copy_(value)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Let the network have the average for its weights, for a while."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the network's weights and the average."""
        for name, value in _state(self.model):
            before = value.clone()
            value.copy_(self.values[name])
            self.values[name] = before

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`load_state_dict` takes."""
        return {"num_updates": self.num_updates, "values": self.values}

    def buffers(self) -> list[Tensor]:
        """The averages of the norms' statistics."""
        return [self.values[name] for name, _ in self.model.named_buffers()]

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a stored average.

        Raises:
            ValueError: If it is of another network.
        """
        values: dict[str, Tensor] = state["values"]
        if {n: v.shape for n, v in values.items()} != {n: v.shape for n, v in self.values.items()}:
            raise ValueError("the stored average must be of the same network; start a new run")
        self.num_updates = int(state["num_updates"])
        for name, value in values.items():
            self.values[name].copy_(value)


def _state(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()
