"""The thread that runs the network: clips that wait at the same time go through it together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

R = TypeVar("R")

# Frames of clips, uint8 (B, n, 3, h, w) -> one row per clip, (B, D).
Forward = Callable[[Tensor], Tensor]


@dataclass(eq=False)
class _Job:
    """A clip that waits for a batch, or a function to call."""

    work: Tensor | Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)

    @property
    def is_clip(self) -> bool:
        return isinstance(self.work, Tensor)


class NetworkThread:
    """Runs a network for many callers, one batch after the other.

    A clip's row does not depend on the rest of its batch, except for rounding.

    Args:
        forward: the network; called in this thread only.
        max_batch: clips per batch, at least 1.
        max_wait_s: how long the first clip of a batch waits for others, seconds.
        on_batch: called after every batch with its number of clips and its seconds.
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
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="motionlens-network", daemon=True)
        self._thread.start()

    @property
    def num_waiting(self) -> int:
        """Number of jobs that have not started."""
        return len(self._jobs)

    def submit(self, clip: Tensor) -> Future[Tensor]:
        """Ask for the row ``(D,)`` of a clip, given its frames, uint8 ``(n, 3, h, w)``.

        Raises:
            RuntimeError: If the thread is closed.
        """
        return self._put(_Job(clip))

    def call(self, function: Callable[[], R]) -> Future[R]:
        """Ask for a function to be called between two batches.

        Raises:
            RuntimeError: If the thread is closed.
        """
        return self._put(_Job(function))

    def close(self) -> None:
        """Finish the waiting jobs and end the thread. Closing twice does nothing."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _put(self, job: _Job) -> Future[Any]:
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the server is shutting down")
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def _work(self) -> None:
        while jobs := self._next_jobs():
            jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if not jobs:
                continue
            try:
                results = self._run(jobs)
            except Exception as error:
                for job in jobs:
                    job.future.set_exception(error)
            else:
                for job, result in zip(jobs, results, strict=True):
                    job.future.set_result(result)

    def _next_jobs(self) -> list[_Job]:
        """A batch of clips, or one call; empty once the thread is closed and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._is_closed)
            if self._jobs and self._jobs[0].is_clip:
                self._changed.wait_for(self._batch_is_complete, self._max_wait_s)
            jobs: list[_Job] = []
            while self._jobs and len(jobs) < self._max_batch:
                if jobs and not (jobs[0].is_clip and self._jobs[0].is_clip):
                    break
                jobs.append(self._jobs.popleft())
            return jobs

    def _batch_is_complete(self) -> bool:
        """Whether no clip can join the first one's batch: a call behind it must keep its turn."""
        return (
            self._is_closed
            or len(self._jobs) >= self._max_batch
            or not all(job.is_clip for job in self._jobs)
        )

    def _run(self, jobs: list[_Job]) -> list[Any]:
        if not isinstance(jobs[0].work, Tensor):
            return [jobs[0].work()]
        start = time.perf_counter()
        with torch.inference_mode():
            clips = torch.stack([job.work for job in jobs if isinstance(job.work, Tensor)])
            rows = self._forward(clips)
        self._on_batch(len(jobs), time.perf_counter() - start)
        return list(rows)
