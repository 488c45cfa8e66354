"""Checkpoints of a run: written in one step, checked before use."""

import hashlib
from pathlib import Path
from typing import IO, Any, cast

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from motionlens._utils.errors import one_line
from motionlens._utils.files import replacing
from motionlens._utils.torch_files import load_tensors

# After the archive that torch writes, which readers of archives pass over: the mark, and the
# SHA-256 of all before the mark.
_MARK = b"motionlens sha256 "
_BLOCK = 2**20


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside the old one, then puts it into its place.

    Lightning's own way is to write into the system's folder for temporary files and to move it
    from there, which between file systems is a copy: a process that is killed meanwhile leaves
    half of one.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; see the class."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            hashing = _HashingFile(file)
            try:
                torch.save(checkpoint, cast(IO[bytes], hashing))
            except RuntimeError:
                # Torch's archives have a message of their own where a disk is full.
                raise hashing.error or RuntimeError(f"{path} cannot be written") from None
            file.write(_MARK + hashing.digest())


class _HashingFile:
    """A file that is written from its beginning to its end, and the SHA-256 of what was written.

    Attributes:
        error: why it could not be written; None if it could.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._sum = file, hashlib.sha256()
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        """Write bytes."""
        self._sum.update(content)
        try:
            return self._file.write(content)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Write out what is held back."""
        self._file.flush()

    def digest(self) -> bytes:
        """The sum so far."""
        return self._sum.digest()


def check_checkpoint(path: Path) -> dict[str, Any]:
    """Check that a checkpoint is as it was written and can be read.

    Lightning's own error would not name the file, and altered weights would not be noticed.

    Returns:
        What it holds; tensors are read when they are used.

    Raises:
        ValueError: If it has been altered or cannot be read.
    """
    try:
        _check_sum(path)
        found: dict[str, Any] = load_tensors(path, mmap=True)
        return found
    except Exception as error:  # zip, pickle, end of file: torch's errors are of many types
        raise ValueError(
            f"{path} is damaged: {one_line(error)[:80]}; start anew with --overwrite"
        ) from None


def _check_sum(path: Path) -> None:
    """Compare a checkpoint with the sum at its end; those of older versions have none.

    Raises:
        ValueError: If it differs.
    """
    length = path.stat().st_size - len(_MARK) - hashlib.sha256().digest_size
    with path.open("rb") as file:
        file.seek(max(length, 0))
        end = file.read()
        if not end.startswith(_MARK):
            return
        file.seek(0)
        found = hashlib.sha256()
        while length and (block := file.read(min(length, _BLOCK))):
            found.update(block)
            length -= len(block)
    if found.digest() != end[len(_MARK) :]:
        raise ValueError("its content has been altered")
