"""The one pool of worker processes: tasks with deadlines, and no task that ends the others.

Neither ``multiprocessing.Pool`` nor ``concurrent.futures`` says which task killed its process, and
neither ends one that hangs. In pebble all processes answer through one pipe, so that one which dies
while it sends frames spoils it for the others.
"""

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import torch

from motionlens._utils.one_line_warnings import join_one_line_warnings, shown_folder

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
    work: Callable[[T], R], tasks: Iterable[T], *, num_workers: int, deadline_s: float | None = None
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
    upcoming = next(waiting, None)
    idle: list[_Worker] = []
    busy: list[_Worker] = []
    results: list[tuple[int, R | Lost]] = []
    try:
        while True:
            while upcoming is not None and len(busy) < num_workers:
                busy.append(idle.pop() if idle else _Worker(context, work, deadline_s))
                busy[-1].give(*upcoming)
                upcoming = next(waiting, None)
            # Yielded only now, so that the processes are busy while the caller uses the results.
            yield from results
            results.clear()
            if not busy:
                return
            seconds = max(min(worker.seconds_left for worker in busy), 0)
            wait([worker.connection for worker in busy], None if seconds == math.inf else seconds)
            for worker in list(busy):
                answer = worker.receive()
                if answer is None:
                    continue
                busy.remove(worker)
                results.append((worker.number, answer[0]))
                if isinstance(answer[0], Lost):
                    worker.kill()
                else:
                    idle.append(worker)
    finally:
        for worker in busy + idle:
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
    """A process and the task that it has."""

    def __init__(self, context: Any, work: Callable[[Any], Any], deadline_s: float | None) -> None:
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, work, shown_folder()), daemon=True
        )
        self._process.start()
        theirs.close()
        self._is_started = False
        self._deadline_s = math.inf if deadline_s is None else deadline_s
        self._began = math.inf  # on the monotonic clock; starting a process takes none of the time
        self.number = -1

    def give(self, number: int, task: object) -> None:
        """Hand over a task."""
        self.number = number
        if self._is_started:
            self._began = time.monotonic()
        with suppress(OSError):  # the process is dead, as its answer will show
            self.connection.send(task)

    @property
    def seconds_left(self) -> float:
        """Until the task must be done; infinite without a deadline."""
        return self._began + self._deadline_s - time.monotonic()

    def receive(self) -> tuple[Any] | None:
        """The result of the task, or :class:`Lost`; None if the process is still at it.

        Raises:
            Exception: Whatever the task raised.
        """
        if not self.connection.poll():
            if self.seconds_left > 0:
                return None
            return (Lost(f"did not end within {self._deadline_s:g} s"),)
        try:
            kind, answer = self.connection.recv()
        except (EOFError, OSError):
            if self._is_started:
                return (Lost("crashed"),)
            raise ValueError(
                "num_workers must be 0 here, for processes end as soon as they start; or call it "
                "under `if __name__ == '__main__':`"
            ) from None
        if kind == "failed":
            raise answer
        if kind == "started":
            self._is_started, self._began = True, time.monotonic()
            return None
        return (answer,)

    def kill(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def _context(work: Callable[[T], R]) -> Any:
    """Never a fork of this process: it may run threads, whose locks the fork would wait for."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Loaded once for all processes, and for those that take the place of killed ones.
    function = work.func if isinstance(work, partial) else work
    context.set_forkserver_preload([function.__module__])
    return context


def _serve(connection: Connection, work: Callable[[Any], Any], shown: str | None) -> None:
    """What a worker process does."""
    # Ctrl-C is for the process that gave the work; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    join_one_line_warnings(shown)
    connection.send(("started", None))
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        try:
            connection.send(("done", work(task)))
        except Exception as error:  # handed on to the process that gave the work
            connection.send(("failed", error))


def _end_with_parent() -> None:
    """A killed parent ends no process, and a task that hangs does not notice that it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
