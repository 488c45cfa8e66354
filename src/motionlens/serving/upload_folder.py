"""The folder of uploads that are being read, and those that killed servers have left."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "motionlens-serve-"
# Held as long as the server runs; the system frees it, however the server ends.
_LOCK_FILE = ".lock"


@contextmanager
def upload_folder() -> Iterator[Path]:
    """A temporary folder for uploads, which is removed at the end of the block.

    Those of this user's servers that were killed are removed, too.
    """
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        with FileLock(Path(name, _LOCK_FILE), is_singleton=False):
            yield Path(name)


def _sweep(temporary: Path) -> None:
    for folder in temporary.glob(f"{_PREFIX}*"):
        with suppress(OSError, Timeout):
            if folder.is_symlink() or not _is_own(folder) or not (folder / _LOCK_FILE).exists():
                continue
            with FileLock(folder / _LOCK_FILE, timeout=0, is_singleton=False):
                shutil.rmtree(folder, ignore_errors=True)


def _is_own(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
