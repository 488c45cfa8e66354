"""How many cores there are to use, and how many processes decode on them."""

import os

from motionlens._utils.checks import check_at_least, check_number

_MOST_WORKERS = 8


def usable_cores() -> int:
    """Cores that this process may run on; all of the machine's where the system does not say."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def resolve_num_workers(num_workers: int | None) -> int:
    """The number of decoding processes; 0 decodes in this one.

    Args:
        num_workers: that number; None for one per usable core but one, at most 8, shared by the
            processes that torchrun started on this machine.

    Raises:
        ValueError: If it is below 0.
    """
    if num_workers is None:
        processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        return min(usable_cores() - 1, _MOST_WORKERS) // processes
    check_at_least(0, num_workers=num_workers)
    check_number("num_workers", num_workers, most=1024)
    return num_workers
