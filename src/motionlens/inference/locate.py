"""Where the files of a recognizer lie: a folder, the hub, or the package itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

from motionlens import pretrained
from motionlens.inference import hub
from motionlens.inference.checkpoint import CARD_FILE, WEIGHTS_FILE


def find_checkpoint(source: str | os.PathLike[str]) -> Path:
    """The folder with a recognizer's files; a hub model is downloaded, or found in the cache.

    Any folder is taken for one: what it lacks is told of when it is loaded.

    Raises:
        ValueError: If there is neither such a folder nor such a hub model.
    """
    path, name = Path(source), os.fspath(source)
    files = [CARD_FILE, WEIGHTS_FILE]
    if name == pretrained.NAME and not path.exists():
        return pretrained.bundled_path()
    if name.startswith(hub.PREFIX):
        return hub.download(name, files)
    if path.is_dir():
        return path
    if path.exists():
        raise ValueError(
            f"a recognizer is a folder that 'motionlens train' wrote, {name} is a file"
        )
    # "runs/x" could be either: beside an existing "runs" it is meant as a path.
    looks_like_hub = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) and not path.parent.exists()
    if isinstance(source, os.PathLike) or not looks_like_hub:
        raise ValueError(f"{name} does not exist; give a folder that 'motionlens train' wrote")
    return hub.download(name, files)
