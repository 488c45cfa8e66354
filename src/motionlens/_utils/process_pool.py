"""The one pool of worker processes: tasks with deadlines, and no task that ends the others.

Neither ``multiprocessing.Pool`` nor ``concurrent.futures`` says which task killed its process, and
neither ends one that hangs. In pebble all processes answer through one pipe, so that one which dies
while it sends frames spoils it for the others.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import wait
from typing import Generic, TypeVar

from motionlens._utils.worker_process import Lost, Worker, process_context

T = TypeVar("T")
R = TypeVar("R")

# How often a thread that waits for a process looks up.
_LOOK_S = 60.0


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
    context = process_context(work)
    waiting = enumerate(tasks)
    upcoming = next(waiting, None)
    idle: list[Worker] = []
    busy: list[Worker] = []
    results: list[tuple[int, R | Lost]] = []
    try:
        while True:
            while upcoming is not None and len(busy) < num_workers:
                busy.append(idle.pop() if idle else Worker(context, work, deadline_s))
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


class ProcessPool(Generic[T, R]):
    """Processes that are kept ready for tasks which come one by one, and can be given up.

    Each task has a process to itself. One that crashes, hangs, or whose caller no longer waits, is
    killed and replaced; the others do not notice.

    Args:
        work: as for :func:`run_in_processes`.
        num_workers: processes, at least 1; further tasks wait.
        deadline_s: seconds that a task may take once it has a process.
        memory_bytes: what a process may take on top of what it has when it is ready, where the
            system can limit that; what needs more raises ``MemoryError`` there, or crashes.
    """

    def __init__(
        self,
        work: Callable[[T], R],
        *,
        num_workers: int,
        deadline_s: float,
        memory_bytes: float | None = None,
    ) -> None:
        self._start = partial(Worker, process_context(work), work, deadline_s, memory_bytes)
        self._idle: list[Worker] = []
        self._busy: dict[threading.Event, Worker] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        # A thread waits for each process: pipes cannot be awaited on every system.
        self._threads = ThreadPoolExecutor(num_workers, "motionlens-pool")
        for _ in range(num_workers):
            self._threads.submit(self._add)

    async def run(self, task: T) -> R | Lost:
        """The result of a task, or why it has none; cancelled, it ends the task's process.

        Raises:
            Exception: Whatever ``work`` raises.
            RuntimeError: If the pool is closed.
        """
        given_up = threading.Event()
        future = self._threads.submit(self._run, task, given_up)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            given_up.set()
            with self._lock:
                if given_up in self._busy:
                    self._busy[given_up].end()
            raise

    def close(self) -> None:
        """Kill the processes, whatever they do. Closing twice does nothing."""
        with self._lock:
            self._is_closed = True
            for worker in self._busy.values():
                worker.end()
        self._threads.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().kill()

    def _add(self) -> None:
        """Start a process."""
        if not self._is_closed:
            self._idle.append(self._start())

    def _run(self, task: T, given_up: threading.Event) -> R | Lost:
        """Work on a task in a process, in a thread that waits for it."""
        worker = self._take()
        with self._lock:
            self._busy[given_up] = worker
        is_done = False
        try:
            if self._is_closed or given_up.is_set():
                return Lost("was given up")
            worker.give(0, task)
            while (answer := worker.receive()) is None:
                wait([worker.connection], max(0, min(worker.seconds_left, _LOOK_S)))
            is_done = not isinstance(answer[0], Lost)
            return answer[0]  # type: ignore[no-any-return]
        except Exception:
            is_done = True
            raise
        finally:
            with self._lock:
                del self._busy[given_up]
            if is_done and not given_up.is_set() and worker.is_alive:
                self._idle.append(worker)
            else:
                worker.kill()
                self._add()

    def _take(self) -> Worker:
        """A process that is ready; a new one if there is none, or it has ended meanwhile."""
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None or worker.is_alive:
            return worker or self._start()
        worker.kill()
        return self._start()
