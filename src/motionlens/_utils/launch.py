"""Who started this process, and which of how many it is, as far as the environment tells.

Needs no PyTorch: a command knows before it loads anything whether it is the one that writes.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

# What Lightning's own launcher leaves in the environment of the process that it launches from.
_LEFT_BEHIND = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")


@dataclass(frozen=True)
class Launch:
    """Processes that a launcher has started.

    Attributes:
        rank: number of this process among all, from 0.
        devices: processes on each machine.
        num_nodes: machines.
    """

    rank: int
    devices: int
    num_nodes: int


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """What torchrun or srun has started; None where neither has, or only one process.

    Raises:
        ValueError: If the machines have different numbers of processes.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        world_size = int(environment["WORLD_SIZE"])
        devices = int(environment.get("LOCAL_WORLD_SIZE", world_size))
        rank = int(environment["RANK"])
    elif _is_slurm_job(environment):
        world_size = int(environment["SLURM_NTASKS"])
        devices = world_size // int(environment.get("SLURM_NNODES", "1"))
        rank = int(environment["SLURM_PROCID"])
    else:
        return None
    if world_size == 1:
        return None
    if world_size % devices:
        raise ValueError(
            f"each machine must have as many processes, got {world_size} in all and {devices} on "
            "this one; start as many on each"
        )
    return Launch(rank, devices, world_size // devices)


def is_first_process(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process will be the one that prints and writes, by the environment alone."""
    launch = launched(environment)
    if launch is not None:
        return launch.rank == 0
    # Lightning's own launcher numbers the processes that it starts, and the user the machines.
    return all(int(environment.get(name, "0")) == 0 for name in ("NODE_RANK", "LOCAL_RANK"))


@contextmanager
def restored_environment() -> Iterator[None]:
    """Afterwards the environment says no more of processes than before."""
    before = {name: os.environ[name] for name in _LEFT_BEHIND if name in os.environ}
    try:
        yield
    finally:
        for name in _LEFT_BEHIND:
            os.environ.pop(name, None)
        os.environ.update(before)


def _is_slurm_job(environment: Mapping[str, str]) -> bool:
    """Whether srun has started this process, not a shell inside an allocation."""
    names = {"SLURM_NTASKS", "SLURM_PROCID", "SLURM_STEP_ID"}
    interactive = environment.get("SLURM_JOB_NAME") in ("bash", "interactive")
    return names <= environment.keys() and not interactive
