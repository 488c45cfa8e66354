"""Where the files of a recognizer lie: a folder, an exported file, the hub, or the package."""

from __future__ import annotations

import os
import re
from pathlib import Path

from torch import nn

from motionlens.inference import hub
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import CARD_FILE, WEIGHTS_FILE, load_checkpoint
from motionlens.inference.onnx_network import OnnxNetwork, is_onnx
from motionlens.pretrained import NAME, bundled_path


def load_model(source: str | os.PathLike[str]) -> tuple[nn.Module, ModelCard]:
    """Load a network and its card, as :meth:`motionlens.Recognizer.from_pretrained` finds them.

    Returns:
        The network in inference mode, on the CPU, and its card.

    Raises:
        ValueError: If there is nothing of that name, or its files cannot be used.
        ImportError: If onnxruntime is not installed, for an ``.onnx`` file.
    """
    if is_onnx(source):
        network = OnnxNetwork(source).eval()
        return network, network.card
    return load_checkpoint(find_checkpoint(source))


def find_checkpoint(source: str | os.PathLike[str]) -> Path:
    """The folder with a recognizer's files; a hub model is downloaded, or found in the cache.

    Any folder is taken for one: loading it says what it lacks.

    Raises:
        ValueError: If there is neither such a folder nor such a hub model.
    """
    path, name = Path(source), os.fspath(source)
    files = [CARD_FILE, WEIGHTS_FILE]
    if name == NAME and not path.exists():
        return bundled_path()
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
