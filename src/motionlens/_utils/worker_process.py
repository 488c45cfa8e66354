"""A worker process: it is given tasks, and may be killed at any time."""

import math
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch

from motionlens._utils.errors import one_line
from motionlens._utils.one_line_warnings import join_one_line_warnings, shown_folder
from motionlens._utils.resource_limits import limit_cpu, limit_memory

# A process that its parent could not kill at its deadline is killed by the system this much later,
# by the time of the processor that it has used.
_CPU_LATER_S = 10.0
# The fork server's socket lies there; the address of a socket has 104 bytes on some systems.
_LONGEST_SOCKET_FOLDER = 70
_F_SETSIG = 10  # of Linux, which Python does not name
# The list of children that Python keeps is not made for several threads.
_children = threading.Lock()


@dataclass(frozen=True)
class Lost:
    """What comes of a task that has no result.

    Attributes:
        reason: ``"crashed"``, ``"was given up"``, or ``"did not end within 60 s"``.
    """

    reason: str


class Worker:
    """A process and the task that it has."""

    def __init__(
        self,
        context: Any,
        work: Callable[[Any], Any],
        deadline_s: float | None,
        memory_bytes: float | None = None,
    ) -> None:
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve,
            args=(theirs, work, shown_folder(), deadline_s, memory_bytes),
            daemon=True,
        )
        with _children:
            self._process.start()
        theirs.close()
        self._is_started = False
        self._is_ended = False
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
    def is_alive(self) -> bool:
        """Whether the process, which has no task, is there; what can be read then is its end."""
        return not (self._is_started and self.connection.poll())

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
            if self._is_ended:
                return (Lost("was given up"),)
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

    def end(self) -> None:
        """Kill the process, which whoever waits for its answer will notice."""
        self._is_ended = True
        self._process.kill()

    def kill(self) -> None:
        """Kill the process and forget it."""
        with _children:
            self._process.kill()
            self._process.join()
            self._process.close()
        self.connection.close()


def process_context(work: Callable[[Any], Any]) -> Any:
    """Never a fork of this process: it may run threads, whose locks the fork would wait for."""
    is_long = len(os.fsencode(tempfile.gettempdir())) > _LONGEST_SOCKET_FOLDER
    if is_long or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Loaded once for all processes, and for those that take the place of killed ones. The server
    # finds no modules of a script's own folder: it passes over them, and has PyTorch all the same.
    function = work.func if isinstance(work, partial) else work
    context.set_forkserver_preload([__name__, function.__module__])
    return context


def _serve(
    connection: Connection,
    work: Callable[[Any], Any],
    shown: str | None,
    deadline_s: float | None,
    memory_bytes: float | None,
) -> None:
    """What a worker process does."""
    # Ctrl-C is for the process that gave the work; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    torch.set_num_threads(1)
    join_one_line_warnings(shown)
    if memory_bytes is not None:
        limit_memory(memory_bytes)
    # The process that gives the work may be gone at any time: its end of the pipe is closed then,
    # or reset if there was something in it that it has not read.
    with suppress(EOFError, ConnectionError):
        connection.send(("started", None))
        while True:
            task = connection.recv()
            if deadline_s is not None:
                limit_cpu(deadline_s + _CPU_LATER_S)
            try:
                connection.send(("done", work(task)))
            except Exception as error:  # handed on to the process that gave the work
                connection.send(("failed", portable(error)))


def portable(error: Exception) -> Exception:
    """The error, if another process can read it; else one with its message."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # classes of other libraries may do anything
        return RuntimeError(f"{type(error).__name__}: {one_line(error)}")
    return error


def _end_with_parent() -> None:
    """A killed parent ends no process, and a task that hangs does not notice that it is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux":
        # The pipe that breaks when the parent ends kills this process then, whatever it does. The
        # thread below does nothing while a library keeps Python's lock.
        import fcntl

        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent.sentinel, _F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
