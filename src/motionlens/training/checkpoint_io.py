"""Checkpoints of a run: written in one step, checked before use."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from motionlens._utils.errors import one_line
from motionlens._utils.files import replacing


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
            torch.save(checkpoint, file)


def check_checkpoint(path: Path) -> None:
    """Check that a checkpoint can be read; Lightning's own error would not name the file.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # zip, pickle, end of file: torch's errors are of many types
        raise ValueError(
            f"{path} is damaged: {one_line(error)[:80]}; start anew with --overwrite"
        ) from None
