"""The one pool of worker processes: tasks with deadlines, and no task that ends the others.

Neither ``multiprocessing.Pool`` nor ``concurrent.futures`` says which task killed its process, and
neither ends one that hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Lost:
    """What comes of a task that has no result.

    Attributes:
        reason: ``"crashed"``, or ``"did not end within 60 s"``.
    """

    reason: str


def run_in_processes(
    work: Callable[[T], R],
    tasks: Iterable[T],
    *,
    num_workers: int,
    deadline_s: float | None = None,
) -> Generator[tuple[int, R | Lost]]:
    """Work on tasks in processes; one that crashes or hangs is killed, replaced and reported.

    A process starts afresh: it shares nothing with this one but what is pickled, computes with one
    thread, and ends with this one, however that ends. Tasks are taken from the iterable as
    processes become free, so memory does not grow with their number.

    Args:
        work: gets a task. Pickled once per process, so an object may keep state between tasks.
        tasks: anything that can be pickled.
        num_workers: processes; 0 to work in this one, where nothing is killed or replaced.
        deadline_s: seconds that a task may take; no limit if None.

    Yields:
        Number of the task, from 0, and its result, in the order in which they are ready.

    Raises:
        ValueError: If processes end as soon as they start.
        Exception: Whatever ``work`` raises.
    """
    if num_workers == 0:
        for number, task in enumerate(tasks):
            yield number, work(task)
        return
    context = _context(work)
    waiting = enumerate(tasks)
    answers: SimpleQueue[tuple[_Worker, int, R | Lost | Exception]] = SimpleQueue()
    workers: list[_Worker] = []
    free: list[_Worker] = []
    result: tuple[int, R | Lost] | None = None
    try:
        while True:
            for number, task in islice(waiting, num_workers - len(workers) + len(free)):
                if free:
                    worker = free.pop()
                else:
                    workers.append(worker := _Worker(context, work))
                worker.start(number, task, deadline_s, answers)
            # Handed out only now: processes go on while somebody looks at it.
            if result is not None:
                yield result
            if len(free) == len(workers):
                return
            worker, number, answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, Lost):
                workers.remove(worker)
                worker.kill()
            else:
                free.append(worker)
            result = number, answer
    finally:
        for worker in workers:
            worker.kill()


def in_order(numbered: Iterable[tuple[int, R]]) -> Iterator[R]:
    """The results of numbered tasks in the order of their numbers; those that are early wait."""
    early: dict[int, R] = {}
    wanted = 0
    for number, result in numbered:
        early[number] = result
        while wanted in early:
            yield early.pop(wanted)
            wanted += 1


class _Worker:
    """A process that works on one task at a time."""

    def __init__(self, context: Any, work: Callable[[Any], Any]) -> None:
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()
        self._is_started = False

    def start(
        self, number: int, task: object, deadline_s: float | None, answers: SimpleQueue[Any]
    ) -> None:
        """Begin a task; this worker, its number and its answer go into the queue.

        The answer is a result, an error, or :class:`Lost`.
        """

        def wait() -> None:
            answers.put((self, number, self._answer(task, deadline_s)))

        threading.Thread(target=wait, daemon=True).start()

    def _answer(self, task: object, deadline_s: float | None) -> Any:
        try:
            if not self._is_started:
                self._connection.recv()  # starting takes none of a task's time
                self._is_started = True
            self._connection.send(task)
            if not self._connection.poll(deadline_s):
                return Lost(f"did not end within {deadline_s:g} s")
            return self._connection.recv()
        except (EOFError, OSError):
            if self._is_started:
                return Lost("crashed")
            return ValueError(
                "num_workers must be 0 here, for processes end as soon as they start; or call it "
                "under `if __name__ == '__main__':`"
            )
        except Exception as error:  # the task cannot be pickled
            return error

    def kill(self) -> None:
        """End the process, whatever it does; whoever waits for it gets :class:`Lost`."""
        self._process.kill()
        self._process.join()
        self._process.close()


def _context(work: Callable[[T], R]) -> Any:
    """Never a copy of this process, which may run threads: a copy could wait for them for ever."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Loaded once for all processes, and for those that take the place of killed ones.
    function = work.func if isinstance(work, partial) else work
    context.set_forkserver_preload([function.__module__])
    return context


def _serve(connection: Connection, work: Callable[[Any], Any]) -> None:
    """What a worker process does."""
    # Ctrl-C is for the process that gave the work; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    connection.send("started")
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            connection.send(work(task))
        except Exception as error:  # handed on to the process that gave the work
            connection.send(error)


def _end_with_parent() -> None:
    """Killed, the parent can end nobody, and a task that hangs does not see that it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
