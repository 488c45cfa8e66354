"""One process at a time in a folder of results: run folders, prepared sets, reproductions."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from motionlens._utils.files import naming, parse_json

LOCK_FILE = ".lock"
# Says who holds the lock. Beside the lock, because opening that one may empty it.
HOLDER_FILE = ".lock-holder"
# Worker processes of a killed process share its lock, and notice within seconds that it is gone.
_ORPHANS_S = 30.0


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep all other processes from working in a folder within the block.

    The system frees the lock of a process that ends, however it ends.

    Args:
        folder: exists.

    Raises:
        ValueError: If another process works there; the message names it.
        OSError: If the folder cannot be written.
    """
    path, holder = folder / LOCK_FILE, folder / HOLDER_FILE
    lock = FileLock(path, is_singleton=False)
    timeout_s = 0.0
    while not lock.is_locked:
        try:
            lock.acquire(timeout=timeout_s, poll_interval=0.1)
        except Timeout:
            found = _read(holder)
            if timeout_s or not _is_dead(found):
                raise ValueError(
                    f"{folder} must not be worked in by two calls, and another one is under way: "
                    f"{_describe(found)}; wait for it, or name another folder with --out"
                ) from None
            timeout_s = _ORPHANS_S
        else:
            if not path.exists():  # who held it removed it after we had opened it
                lock.release()
    try:
        me = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%F %T")}
        with naming(holder):
            holder.write_text(json.dumps(me) + "\n", encoding="utf-8")
        yield
    finally:
        for file in (holder, path):
            with suppress(OSError):
                file.unlink()
        lock.release()


def check_free(folder: Path) -> None:
    """Find out before any work whether another process works in a folder.

    Args:
        folder: need not exist.

    Raises:
        ValueError: If one does.
    """
    if (folder / LOCK_FILE).exists():
        with locked_folder(folder):
            pass


def _read(holder: Path) -> dict[str, object]:
    """What is known of who holds the lock; empty if nothing is."""
    try:
        found = parse_json(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_dead(found: dict[str, object]) -> bool:
    pid = found.get("pid")
    if not isinstance(pid, int) or found.get("host") != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    # A zombie, whose parent has not asked for its status, still has its number.
    with suppress(OSError, IndexError):
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return state == "Z"
    return False


def _describe(found: dict[str, object]) -> str:
    if not found:
        return "its process is not known"
    return f"process {found.get('pid')} on {found.get('host')} since {found.get('since')}"
