"""What the system lets a process take: memory and time of the processor, where it can limit them.

Linux limits both. Elsewhere a limit that the system does not know is left out.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_lock = threading.Lock()
_num_within = 0
_before: tuple[int, int] | None = None


def limit_memory(num_bytes: float) -> None:
    """Let this process take so much address space on top of what it has now, for all its life."""
    used = _address_space()
    if used is not None:
        _set_memory(used + int(num_bytes))


def limit_cpu(seconds: float) -> None:
    """Let the system end this process once it has used so much more time of the processor."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        spent = sum(os.times()[:2])
        _set(resource.RLIMIT_CPU, int(spent + seconds) + 1, hard)


@contextmanager
def limited_memory(num_bytes: float) -> Iterator[None]:
    """Let this process take so much address space on top of what it has, within the block.

    Beyond it libraries report that memory is lacking, and Python raises ``MemoryError``. Of blocks
    that overlap in several threads the first one sets the limit and the last one lifts it.
    """
    global _num_within, _before
    with _lock:
        used = _address_space() if _num_within == 0 else None
        if used is not None:
            _before = resource.getrlimit(resource.RLIMIT_AS)
            _set_memory(used + int(num_bytes))
        _num_within += 1
    try:
        yield
    finally:
        with _lock:
            _num_within -= 1
            if _num_within == 0 and _before is not None:
                _set(resource.RLIMIT_AS, *_before)
                _before = None


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Interrupt the block when this process has computed for so long, by a ``TimeoutError``.

    Python's own code and its regular expressions can be interrupted; other libraries when they
    come back. Other threads than the main one, and systems without such a timer, have no limit.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not hasattr(signal, "ITIMER_VIRTUAL"):
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _address_space() -> int | None:
    """Bytes of this process's address space; None where the system does not tell."""
    if resource is None:
        return None
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY)  # much faster than by pathlib
    except OSError:
        return None
    try:
        return int(os.read(file, 100).split()[0]) * resource.getpagesize()
    finally:
        os.close(file)


def _set_memory(most: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    _set(resource.RLIMIT_AS, min([most, *known]), hard)


def _set(kind: int, soft: int, hard: int) -> None:
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (soft, hard))
