"""Tasks on a Ray cluster, by Ray Data: it moves them to actors, and survives nodes that are lost.

Each actor keeps a process of its own for the work. A video that crashes or hangs the decoder ends
that process, not the actor, and is known by its number. What a lost node had is run again.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from motionlens._utils.errors import one_line
from motionlens._utils.numbers import counted
from motionlens._utils.optional import require
from motionlens._utils.process_pool import ProcessPool
from motionlens._utils.ray_cluster import check_nodes, connected, import_ray
from motionlens._utils.retries import ATTEMPTS, Work, run_with_retries
from motionlens._utils.worker_process import Lost, portable

T = TypeVar("T")
R = TypeVar("R")

# Batches of a block, which is what an actor gets at a time and what a lost node loses.
_BLOCK_BATCHES = 8
# Variables that change what our own code does go along.
_OUR_VARIABLES = "MOTIONLENS_"


@dataclass(frozen=True)
class RayEngine:
    """Actors of a Ray cluster.

    Attributes:
        address: ``auto`` for the cluster that this machine belongs to, ``local`` for one that is
            started here and ends with the work, or ``HOST:PORT`` of its head.
        num_workers: actors, of one core each; None for one per core of the cluster.
        num_gpus: that each actor takes.

    Raises:
        ImportError: If Ray is not installed.
    """

    address: str = "auto"
    num_workers: int | None = None
    num_gpus: int = 0

    def __post_init__(self) -> None:
        import_ray()

    def run(
        self, work: Work[T, R], tasks: Iterable[T], *, batch_size: int, deadline_s: float
    ) -> Generator[tuple[int, R | Lost]]:
        """Work on tasks; see :meth:`motionlens._utils.engines.Engine.run`.

        Raises:
            ValueError: If there is no such cluster, or a node has no or another motionlens.
        """
        waiting = dict(enumerate(map(pickle.dumps, tasks)))
        if not waiting:
            return
        with connected(self.address, self.num_workers) as ray:
            check_nodes(ray)
            actor = _Actor.arguments(ray.put(pickle.dumps(work)), batch_size, deadline_s)
            passes: Counter[int] = Counter()
            num_tasks = len(waiting)
            while waiting:
                error: Exception | None = None
                try:
                    for number, result in self._pass(ray, actor, waiting, batch_size):
                        if waiting.pop(number, None) is not None:
                            yield number, result
                except ray.exceptions.RayError as lost:
                    error = lost
                passes.update(list(waiting))
                if waiting:
                    tasks_lost = counted(len(waiting), "task")
                    warnings.warn(f"a node is lost; {tasks_lost} of it run again", stacklevel=2)
                reason = f" ({one_line(error)})" if error else ""
                if passes.total() == ATTEMPTS * num_tasks:
                    raise ValueError(f"no node of the Ray cluster can do the work{reason}")
                for number in [n for n in waiting if passes[n] == ATTEMPTS]:
                    del waiting[number]
                    yield number, Lost(f"lost its node {ATTEMPTS} times{reason}")

    def _pass(
        self, ray: Any, actor: Mapping[str, Any], waiting: Mapping[int, bytes], batch_size: int
    ) -> Iterator[tuple[int, Any]]:
        """Results of the tasks, but for those of nodes that are lost meanwhile."""
        arrow = require("pyarrow", "ray")
        numbers = list(waiting)
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        num_actors = self.num_workers or cores
        size = batch_size * _BLOCK_BATCHES
        # All actors have something to do until the end.
        size = max(batch_size, min(size, -(-len(numbers) // (4 * num_actors))))
        blocks = [numbers[first : first + size] for first in range(0, len(numbers), size)]
        tables = [
            arrow.table({"number": block, "task": [waiting[number] for number in block]})
            for block in blocks
        ]
        given = ray.data.from_arrow(tables)
        # A lost node costs its blocks, not the job.
        given.context.max_errored_blocks = -1
        given.context.enable_progress_bars = False
        given.context.print_on_execution_start = False
        with warnings.catch_warnings():
            # Of the last two options, for which Ray 2.60 has no other place.
            warnings.simplefilter("ignore")
            data = given.map_batches(
                _Actor,
                fn_constructor_kwargs=actor,
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(
                    min_size=1,
                    max_size=min(num_actors, len(blocks)),
                    initial_size=min(num_actors, len(blocks), cores),
                ),
                num_cpus=1,
                num_gpus=self.num_gpus,
                # An actor comes back when there is a place for it; nobody waits for its tasks.
                max_restarts=-1,
                max_task_retries=0,
            )
        for table in data.iter_batches(batch_size=None, batch_format="pyarrow"):
            results = table.column("result").to_pylist()
            for number, content in zip(table.column("number").to_pylist(), results, strict=True):
                result = pickle.loads(content)
                if isinstance(result, Exception):
                    raise result
                yield number, result


class _Actor:
    """Holds the work, in a process that may crash and hang, and does it for blocks of tasks."""

    def __init__(
        self, work: Sequence[Any], batch_size: int, deadline_s: float, variables: dict[str, str]
    ) -> None:
        import ray

        os.environ.update(variables)
        self._batch_size = batch_size
        self._pool: ProcessPool[Sequence[Any], Sequence[Any]] = ProcessPool(
            pickle.loads(ray.get(work[0])), num_workers=1, deadline_s=deadline_s
        )

    @staticmethod
    def arguments(work: Any, batch_size: int, deadline_s: float) -> dict[str, Any]:
        """Arguments of the actor; the work stays a reference, which nodes fetch once."""
        variables = {name: v for name, v in os.environ.items() if name.startswith(_OUR_VARIABLES)}
        return {
            "work": [work],
            "batch_size": batch_size,
            "deadline_s": deadline_s,
            "variables": variables,
        }

    def __call__(self, block: Any) -> Any:
        numbers, tasks = (block.column(name).to_pylist() for name in ("number", "task"))
        found = run_with_retries(self._attempt, map(pickle.loads, tasks), self._batch_size)
        done, results = [], []
        try:
            for place, result in found:
                done.append(numbers[place])
                results.append(pickle.dumps(result))
        except Exception as error:  # for the process that gave the work, as an answer
            done.append(numbers[0])
            results.append(pickle.dumps(portable(error)))
        arrow = require("pyarrow", "ray")
        return arrow.table(
            {"number": arrow.array(done), "result": arrow.array(results, arrow.large_binary())}
        )

    def _attempt(
        self, batches: Iterable[Sequence[Any]]
    ) -> Generator[tuple[int, Sequence[Any] | Lost]]:
        for number, batch in enumerate(batches):
            yield number, asyncio.run(self._pool.run(batch))
