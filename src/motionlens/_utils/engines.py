"""Where many tasks run: in processes of this machine, or on a cluster; both look the same.

A task that crashes or hangs its process is tried again and then given up; it never ends the others.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from motionlens._utils.cores import usable_cores
from motionlens._utils.distributed import world_size
from motionlens._utils.process_pool import run_in_processes
from motionlens._utils.retries import Work, run_with_retries
from motionlens._utils.worker_process import Lost

T = TypeVar("T")
R = TypeVar("R")
EngineName = Literal["local", "ray"]


class Engine(Protocol):
    """Runs tasks somewhere."""

    def run(
        self, work: Work[T, R], tasks: Iterable[T], *, batch_size: int, deadline_s: float
    ) -> Generator[tuple[int, R | Lost]]:
        """Work on tasks; one that crashes or hangs is tried again alone, and then given up.

        Args:
            work: gets up to ``batch_size`` tasks and returns as many results. Pickled, so it must
                be importable by name; it may keep state between calls.
            tasks: anything that can be pickled.
            batch_size: tasks that are handed over together.
            deadline_s: seconds that they may take.

        Yields:
            Number of the task, from 0, and its result or why there is none, as they are ready.

        Raises:
            ValueError: If the engine cannot be started.
            Exception: Whatever ``work`` raises.
        """
        ...


@dataclass(frozen=True)
class LocalEngine:
    """Processes of this machine.

    Attributes:
        num_workers: of them; 0 to work in this one; None for one per usable core.
    """

    num_workers: int | None = None

    def run(
        self, work: Work[T, R], tasks: Iterable[T], *, batch_size: int, deadline_s: float
    ) -> Generator[tuple[int, R | Lost]]:
        """Work on tasks; see :meth:`Engine.run`. They are taken as processes become free."""
        num_workers = usable_cores() if self.num_workers is None else self.num_workers

        def attempt(batches: Iterable[Sequence[T]]) -> Generator[tuple[int, Sequence[R] | Lost]]:
            return run_in_processes(work, batches, num_workers=num_workers, deadline_s=deadline_s)

        return run_with_retries(attempt, tasks, batch_size)


def open_engine(
    name: EngineName,
    *,
    address: str | None = None,
    num_workers: int | None = None,
    num_gpus: int = 0,
) -> Engine:
    """The engine of a name.

    Args:
        name: local for processes of this machine, ray for a cluster.
        address: of the cluster; see :class:`motionlens._utils.ray_engine.RayEngine`. Only for ray.
        num_workers: processes or actors; one per core of the machine or cluster if None.
        num_gpus: that each actor of a cluster takes.

    Raises:
        ValueError: If there is no such engine, ``address`` is not for it, or torchrun started this
            process.
        ImportError: If Ray is wanted and not installed.
    """
    if world_size() > 1:
        raise ValueError("engine has processes of its own; start it without torchrun")
    if name == "ray":
        from motionlens._utils.ray_engine import RayEngine

        return RayEngine(address or "auto", num_workers, num_gpus)
    if name != "local":
        raise ValueError(f"engine must be local or ray, got {name!r}")
    if address is not None:
        raise ValueError(f"address is of a Ray cluster, got {address}; add --engine ray")
    return LocalEngine(num_workers)


def cluster_engine(
    name: EngineName, *, address: str | None, num_workers: int | None
) -> Engine | None:
    """The engine of a cluster; None for local, where callers have processes of their own.

    Raises:
        ValueError: As :func:`open_engine` does.
        ImportError: Likewise.
    """
    if name == "local" and address is None:
        return None
    return open_engine(name, address=address, num_workers=num_workers)
