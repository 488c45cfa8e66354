"""The one thread in which the network runs: clips waiting at the same time go through together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

R = TypeVar("R")

# Clips (B, 3, T, h, w) -> a row for each, (B, D).
Forward = Callable[[Tensor], Tensor]


@dataclass(eq=False)
class _Job:
    """A clip that waits for a batch, or a call that runs by itself."""

    clip: Tensor | None = None
    call: Callable[[], Any] | None = None
    future: Future[Any] = field(default_factory=Future)


class NetworkThread:
    """Runs a network for many askers, one batch after the other.

    A clip's row does not depend on what else is in its batch but for rounding.

    Args:
        forward: the network; it is called in this thread alone, in inference mode.
        max_batch: clips at once, at least 1.
        max_wait_s: how long a batch's first clip waits for others.
        on_batch: told the number of clips of every batch and the seconds that it took.
    """

    def __init__(
        self,
        forward: Forward,
        *,
        max_batch: int,
        max_wait_s: float,
        on_batch: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._forward, self._on_batch = forward, on_batch
        self._max_batch, self._max_wait_s = max_batch, max_wait_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="motionlens-network", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """Jobs that have not been begun."""
        return self._jobs.qsize()

    def submit(self, clip: Tensor) -> Future[Tensor]:
        """Ask for the row ``(D,)`` of a clip ``(3, T, h, w)``.

        Raises:
            RuntimeError: If the thread has been closed.
        """
        return self._put(_Job(clip=clip))

    def call(self, function: Callable[[], R]) -> Future[R]:
        """Ask for a function to be called between two batches.

        Raises:
            RuntimeError: If the thread has been closed.
        """
        return self._put(_Job(call=function))

    def close(self) -> None:
        """Finish what waits, and end. Closing twice does nothing."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._jobs.put(None)
        self._thread.join()

    def _put(self, job: _Job) -> Future[Any]:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the server is shutting down")
            self._jobs.put(job)
        return job.future

    def _work(self) -> None:
        job = self._jobs.get()
        while job is not None:
            if job.clip is None:
                _call(job)
                job = self._jobs.get()
            else:
                batch, job = self._collect(job)
                self._run(batch)
                job = self._jobs.get() if job is _NOTHING else job

    def _collect(self, first: _Job) -> tuple[list[_Job], _Job | None]:
        """A batch, and the job behind it: ``_NOTHING`` if none is known yet, None at the end."""
        batch = [first]
        deadline = time.monotonic() + self._max_wait_s
        while len(batch) < self._max_batch:
            try:
                job = self._jobs.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if job is None or job.clip is None:
                return batch, job
            batch.append(job)
        return batch, _NOTHING

    def _run(self, batch: list[_Job]) -> None:
        batch = [job for job in batch if job.future.set_running_or_notify_cancel()]
        if not batch:
            return
        start = time.perf_counter()
        try:
            with torch.inference_mode():
                rows = self._forward(
                    torch.stack([job.clip for job in batch if job.clip is not None])
                )
        except Exception as error:
            for job in batch:
                job.future.set_exception(error)
            return
        self._on_batch(len(batch), time.perf_counter() - start)
        for job, row in zip(batch, rows, strict=True):
            job.future.set_result(row)


_NOTHING = _Job()


def _call(job: _Job) -> None:
    assert job.call is not None
    if not job.future.set_running_or_notify_cancel():
        return
    try:
        job.future.set_result(job.call())
    except Exception as error:
        job.future.set_exception(error)
