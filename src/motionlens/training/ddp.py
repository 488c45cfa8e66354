"""What several training processes do together, once Lightning has joined them."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from motionlens._utils.distributed import leave_at_exit, world_size
from motionlens._utils.launch import launched
from motionlens.training.recipe import Recipe

# Until then a process waits for the others; the first to read a large data set are long at it.
_TIMEOUT = timedelta(hours=2)


def planned_processes(recipe: Recipe) -> tuple[int, int]:
    """Processes on each machine, and machines: the launcher's numbers, else the recipe's."""
    planned = launched() or recipe
    return planned.devices, planned.num_nodes


def ddp_strategy() -> DDPStrategy:
    """Distributed data-parallel training in which nothing is exchanged but gradients.

    PyTorch would hand the first process's norm statistics to all others before every forward
    pass, also in validation, where some processes have a batch more; see
    :func:`average_over_processes`.
    """
    leave_at_exit()  # Lightning ends NCCL groups only
    return DDPStrategy(broadcast_buffers=False, timeout=_TIMEOUT)


def summed_over_processes(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes, each of which has to call this."""
    value = value.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(value)
    return value


def any_of_processes(flags: Sequence[bool], device: torch.device) -> list[bool]:
    """Which of the flags are set in any process, each of which has to call this."""
    if world_size() == 1:
        return list(flags)
    found = summed_over_processes(torch.tensor(flags, dtype=torch.int32, device=device))
    return [bool(count) for count in found.tolist()]


def average_over_processes(values: Iterable[Tensor]) -> None:
    """Replace each float tensor by its mean over all processes, each of which has to call this."""
    if world_size() == 1:
        return
    for value in values:
        if value.is_floating_point():
            value.copy_(summed_over_processes(value) / world_size())
