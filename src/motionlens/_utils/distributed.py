"""The processes that `torchrun` starts: which of them this one is, and what all of them found.

Every function does the right thing where there is one process only, which needs no set-up.
"""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

if dist.is_available():
    # Its functions have the current group as a default argument. Imported later, by a network's
    # first step, it would keep the group and its threads alive.
    import torch.distributed.nn

T = TypeVar("T")

# A process may wait long for another's share of the videos. If one fails, torchrun ends the others.
_TIMEOUT = timedelta(days=1)


def world_size() -> int:
    """How many processes work together."""
    return dist.get_world_size() if _is_joined() else int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Number of this process among all, from 0."""
    if _is_joined():
        return dist.get_rank()
    return int(os.environ.get("RANK", "0")) if world_size() > 1 else 0


def is_main() -> bool:
    """Whether this is the process that prints and writes files."""
    return rank() == 0


def own_device(device: torch.device) -> torch.device:
    """The device for this process: of several CUDA devices, each process takes its own.

    Args:
        device: one with a number is left as it is.
    """
    if device.type != "cuda" or device.index is not None or world_size() == 1:
        return device
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    return torch.device("cuda", local_rank % torch.cuda.device_count())


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the other processes, over gloo, and NCCL for tensors on CUDA devices.

    Does nothing for a single process, or where the processes are joined already.

    Args:
        device: that this process works on.

    Raises:
        ValueError: If the environment names several processes but not how they meet.
    """
    if world_size() == 1 or _is_joined():
        yield
        return
    missing = [n for n in ("RANK", "MASTER_ADDR", "MASTER_PORT") if n not in os.environ]
    if missing:
        raise ValueError(
            f"WORLD_SIZE is {world_size()}, but {', '.join(missing)} must be set too; start the "
            "processes with torchrun"
        )
    device = own_device(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=_TIMEOUT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def leave_at_exit() -> None:
    """End a group that Lightning joins later, before Python ends.

    A gloo thread frees the tensors of the last exchange, for which it needs the GIL. CPython 3.11
    ends a thread that asks for the GIL during finalization, and that aborts the process. Does
    nothing where the processes are already joined: the group belongs to the code that joined them.
    """
    if not _is_joined():
        atexit.unregister(_leave)
        atexit.register(_leave)


def _leave() -> None:
    if _is_joined():
        dist.destroy_process_group()


def own_share(total: int) -> range:
    """Which of ``total`` items are this process's: every ``world_size()``-th from ``rank()``."""
    return range(rank(), total, world_size())


def gather_rows(rows: Tensor, total: int) -> Tensor:
    """The rows of all processes in the order of the items; to be called by every process.

    Args:
        rows: ``(n, ...)``, one for each of :func:`own_share`'s ``n`` items.
        total: number of items of all processes.

    Returns:
        ``(total, ...)`` on the device of ``rows``, the same in every process.

    Raises:
        RuntimeError: If there are more or fewer rows than items.
    """
    if len(rows) != len(own_share(total)):
        raise RuntimeError(
            f"process {rank()} must have {len(own_share(total))} of {total} rows, has {len(rows)}"
        )
    if world_size() == 1:
        return rows
    found = rows.new_empty((total, *rows.shape[1:]))
    for number, part in enumerate(gather_objects(rows.cpu())):
        found[number :: world_size()] = part.to(rows.device)
    return found


def gather_objects(value: T) -> list[T]:
    """A value of every process, in the order of their ranks; to be called by every process.

    Args:
        value: anything that can be pickled.
    """
    if world_size() == 1:
        return [value]
    values: list[T | None] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def _is_joined() -> bool:
    return dist.is_available() and dist.is_initialized()
