"""Writing files so that nobody ever finds half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file by new content in one step: a reader sees the old one or the new one."""
    with replaced_file(path) as file:
        file.write(content)


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` in one step when all went well."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp files are private; the result should follow the user's umask like any other.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def check_writable(folder: str | os.PathLike[str], name: str = "out") -> None:
    """Find out before any work, and without leaving a trace, that a folder can be written.

    Args:
        folder: need not exist yet.
        name: of the argument, for the message.

    Raises:
        ValueError: If it cannot be made or written, or is a file.
    """
    folder = Path(folder)
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    try:
        # Asking for permissions is not enough: a full disk or a read-only mount shows only so.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise ValueError(
            f"{name} must be a folder that can be written, {folder} cannot: "
            f"{existing}: {error.strerror or error}"
        ) from None
