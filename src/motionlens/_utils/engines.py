"""Where many tasks run: in processes of this machine, or on a cluster; both look the same.

A task that crashes or hangs its process is tried again and then given up; it never ends the others.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol, TypeVar

from motionlens._utils.cores import usable_cores
from motionlens._utils.distributed import world_size
from motionlens._utils.process_pool import run_in_processes
from motionlens._utils.worker_process import Lost

T = TypeVar("T")
R = TypeVar("R")
EngineName = Literal["local", "ray"]
# Work on several tasks, one result for each.
Work = Callable[[Sequence[T]], Sequence[R]]

# How often a task may end its process: once among others, then alone.
ATTEMPTS = 3


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


def run_with_retries(
    attempt: Callable[[Iterable[Sequence[T]]], Generator[tuple[int, Sequence[R] | Lost]]],
    tasks: Iterable[T],
    batch_size: int,
) -> Generator[tuple[int, R | Lost]]:
    """Run tasks in batches, those of lost batches again one by one, :data:`ATTEMPTS` times in all.

    Args:
        attempt: runs batches; yields number and results of each, or that it is lost.
        tasks: taken as batches are asked for.
        batch_size: tasks of a batch.

    Yields:
        Number of the task and its result, or why the last attempt has none.
    """
    batches: Iterable[Sequence[tuple[int, T]]] = _batches(enumerate(tasks), batch_size)
    for attempts_left in reversed(range(ATTEMPTS)):
        lost: list[tuple[int, T]] = []
        under_way: dict[int, Sequence[tuple[int, T]]] = {}
        with closing(attempt(_remembered(batches, under_way))) as found:
            for number, results in found:
                batch = under_way.pop(number)
                if not isinstance(results, Lost):
                    yield from zip((i for i, _ in batch), results, strict=True)
                elif attempts_left:
                    lost += batch
                else:
                    yield from ((i, results) for i, _ in batch)
        if not lost:
            return
        batches = [[each] for each in lost]


def _batches(items: Iterator[tuple[int, T]], size: int) -> Iterator[list[tuple[int, T]]]:
    while batch := list(islice(items, size)):
        yield batch


def _remembered(
    batches: Iterable[Sequence[tuple[int, T]]], under_way: dict[int, Sequence[tuple[int, T]]]
) -> Iterator[Sequence[T]]:
    """The tasks of batches that are handed out, and note which ones they are."""
    for number, batch in enumerate(batches):
        under_way[number] = batch
        yield [task for _, task in batch]
