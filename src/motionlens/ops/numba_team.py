"""What Numba compiles, run by PyTorch's own threads."""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import njit, types
from torch import Tensor

# Multiply-adds that are worth a thread.
_WORK_OF_A_THREAD = 1_000_000

_PROCESS = None if sys.platform == "win32" else ctypes.CDLL(None)
# PyTorch's own threads, if they are OpenMP's: a second pool would fight with the first for cores.
HAS_TEAM = hasattr(_PROCESS, "GOMP_parallel")


def compiled(compiler: Callable[..., Any], *signature: Any) -> Callable[[Any], Any]:
    """A compiler that keeps what it makes beside the module or in the user's cache, if it can."""

    def decorate(function: Any) -> Any:
        options = {"nogil": True} if compiler is njit else {}
        try:
            return compiler(*signature, error_model="numpy", cache=True, **options)(function)
        except RuntimeError:  # neither can be written to: each process compiles for itself
            return compiler(*signature, error_model="numpy", **options)(function)

    return decorate


def run(work: Any, tensors: tuple[Tensor, ...], numbers: tuple[int, ...], cost: int) -> None:
    """Let each thread of a team do its share.

    Args:
        work: a ``cfunc`` that takes the address of an array int64: addresses, then numbers.
        tensors: contiguous, on the CPU.
        numbers: sizes and switches.
        cost: multiply-adds, from which the number of threads follows.
    """
    order = np.array([*(tensor.data_ptr() for tensor in tensors), *numbers], dtype=np.int64)
    threads = min(torch.get_num_threads(), 1 + cost // _WORK_OF_A_THREAD)
    if HAS_TEAM and _PROCESS is not None and threads > 1:
        _PROCESS.GOMP_parallel(work.ctypes, ctypes.c_void_p(order.ctypes.data), threads, 0)
    else:
        work.ctypes(order.ctypes.data)


if HAS_TEAM:
    thread_number = types.ExternalFunction("omp_get_thread_num", types.int32())
    num_threads = types.ExternalFunction("omp_get_num_threads", types.int32())
    barrier = types.ExternalFunction("GOMP_barrier", types.void())
else:

    @njit
    def thread_number() -> int:
        """This thread's number in its team."""
        return 0

    @njit
    def num_threads() -> int:
        """Threads of the team."""
        return 1

    @njit
    def barrier() -> None:
        """Wait for the rest of the team."""
