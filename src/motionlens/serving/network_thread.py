"""The thread that runs the network: clips that wait at the same time go through it together."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

R = TypeVar("R")

# Frames of clips, uint8 (B, n, 3, h, w) -> one row per clip, (B, D).
Forward = Callable[[Tensor], Tensor]
# Clips that go through the network together, and where the row of each goes.
Batch = list[tuple[Tensor, Future[Tensor]]]


class NetworkThread:
    """Runs a network for many callers, one batch after the other.

    A clip's row does not depend on the rest of its batch, except for rounding.

    Args:
        forward: the network; called in this thread only.
        max_batch: clips per batch, at least 1.
        max_wait_s: how long the first clip of a batch waits for others, seconds.
    """

    def __init__(self, forward: Forward, *, max_batch: int, max_wait_s: float) -> None:
        self._forward, self._max_batch, self._max_wait_s = forward, max_batch, max_wait_s
        self._thread = ThreadPoolExecutor(1, "motionlens-network")
        self._changed = threading.Condition()
        self._batch: Batch | None = None  # the last one in the queue, while clips can join it
        self._unfinished: set[Future[Any]] = set()

    @property
    def num_waiting(self) -> int:
        """Number of clips and calls that have not started."""
        return sum(not (future.running() or future.done()) for future in list(self._unfinished))

    def submit(self, clip: Tensor) -> Future[Tensor]:
        """Ask for the row ``(D,)`` of a clip, given its frames, uint8 ``(n, 3, h, w)``.

        Raises:
            RuntimeError: If the thread is closed.
        """
        future: Future[Tensor] = Future()
        with self._changed:
            if self._batch is None:
                batch: Batch = []
                self._thread.submit(self._run, batch)
                self._batch = batch
            self._batch.append((clip, future))
            if len(self._batch) == self._max_batch:
                self._close_batch()
        return self._watch(future)

    def call(self, function: Callable[[], R]) -> Future[R]:
        """Ask for a function to be called between two batches.

        Raises:
            RuntimeError: If the thread is closed.
        """
        with self._changed:
            self._close_batch()  # clips that come later do not overtake the call
            return self._watch(self._thread.submit(function))

    def close(self) -> None:
        """Finish what waits and end the thread. Closing twice does nothing."""
        with self._changed:
            self._close_batch()
        self._thread.shutdown()

    def _watch(self, future: Future[R]) -> Future[R]:
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def _close_batch(self) -> None:
        self._batch = None
        self._changed.notify()

    def _run(self, batch: Batch) -> None:
        with self._changed:
            self._changed.wait_for(lambda: batch is not self._batch, self._max_wait_s)
            if batch is self._batch:
                self._batch = None
        entries = [entry for entry in batch if entry[1].set_running_or_notify_cancel()]
        if not entries:
            return
        clips, futures = zip(*entries, strict=True)
        try:
            with torch.inference_mode():
                rows = self._forward(torch.stack(clips))
        except Exception as error:
            for future in futures:
                future.set_exception(error)
        else:
            for future, row in zip(futures, rows, strict=True):
                future.set_result(row)
