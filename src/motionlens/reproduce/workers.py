"""Runs in processes of their own, each on one thread: networks too small to keep more busy."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import platform
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import torch

# Parameters of the C library's mallopt(3).
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


@contextmanager
def worker_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes to submit functions of a module to; they end with the block, whatever ends it.

    Args:
        processes: at most so many.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin) as pool:
        try:
            yield pool
        except BaseException:
            # What is under way is given up, not waited for.
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(cancel_futures=True)
            raise


def _begin() -> None:
    """Make a worker of this process."""
    # An interrupted parent ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _keep_freed_memory()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _keep_freed_memory() -> None:
    """Leave freed memory with this process.

    Each step of a training frees large buffers and asks for them again. glibc gives them back to
    the system in between, and the system has to clear every page anew: more work than the training
    itself, for networks with few channels on many positions.
    """
    if platform.libc_ver()[0] == "glibc":
        c = ctypes.CDLL(None)
        c.mallopt(_MMAP_MAX, 0)
        c.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
