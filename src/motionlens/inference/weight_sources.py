"""Weights to start from, wherever they lie: a file, one of our checkpoints, the hub."""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from motionlens._utils.addresses import as_path, on_this_machine
from motionlens._utils.errors import one_line
from motionlens._utils.files import parse_json
from motionlens._utils.remote_files import StoreError
from motionlens._utils.torch_files import load_tensors
from motionlens.inference import hub
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import CARD_FILE, WEIGHTS_FILE, load_card, load_safetensors
from motionlens.models.weights.tensorflow import read_tensorpack
from motionlens.models.weights.transfer import Weights
from motionlens.pretrained import NAMES, bundled_path

_PICKLED = (".pth", ".pt", ".bin", ".tar", ".ckpt")
_SUFFIXES = (*_PICKLED, ".safetensors", ".npz")
# Of a folder or a model of the hub, the best first; older models have the second.
_FILES = (WEIGHTS_FILE, "pytorch_model.bin")
# Where a file of a training run keeps the network, among other things.
_NESTS = ("state_dict", "model_state_dict", "model")
# What wrappers put before every name.
_WRAPPERS = ("module.", "model.", "backbone.")


def read_weights(source: str | os.PathLike[str]) -> tuple[Weights, ModelCard | None]:
    """Read weights to start from; nothing in the files is executed.

    Args:
        source: one of our checkpoints (a folder); a state dict of torchvision, timm or ours as
            ``.pth``, ``.pt`` or ``.safetensors``; a tensorpack ``.npz``; ``"hub:owner/name"``; or
            ``"bundled"`` or ``"bundled_paths"`` for those that come with the package.

    Returns:
        The weights; and the model card, if they are of one of our checkpoints.

    Raises:
        ValueError: If there is nothing there, the file is damaged, or it holds more than tensors.
    """
    name, card = os.fspath(source), None
    is_on_hub = name.startswith(hub.PREFIX)
    path = hub.download(name, [CARD_FILE, *_FILES]) if is_on_hub else as_path(source)
    if name in NAMES and not path.exists():
        path = bundled_path(name)
    # The weights of a checkpoint go with the card beside them, by whichever name they are called.
    folder = path.parent if path.name == WEIGHTS_FILE and path.is_file() else path
    if folder.is_dir():
        files = [folder / file for file in _FILES if (folder / file).is_file()]
        if not files:
            raise ValueError(f"{name} holds no {WEIGHTS_FILE}; give a folder or model that does")
        path = files[0]
        if not _is_of_another_library(folder / CARD_FILE):
            card = load_card(folder)
    elif not path.is_file():
        raise ValueError(
            f"{name} does not exist; give a checkpoint's folder, a file with one of the endings "
            f"{', '.join(_SUFFIXES)}, or hub:owner/name"
        )
    if path.suffix == ".npz":
        return Weights(origin=name, variables=_variables(path)), None
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"weights must be a file with one of the endings {', '.join(_SUFFIXES)}, got {name}"
        )
    is_safe = path.suffix == ".safetensors"
    state = _unwrapped(load_safetensors(path) if is_safe else _load_pickled(path))
    if not state:
        raise ValueError(f"{path} must hold a network's weights, it holds none; copy it again")
    if card is None:
        return Weights(origin=name, state=state), None
    return Weights(origin=name, state=state, model=card.model, class_names=card.class_names), card


def _variables(path: Path) -> Mapping[str, Tensor]:
    with on_this_machine(path) as local:
        return read_tensorpack(local)


def _is_of_another_library(path: Path) -> bool:
    """Whether a folder has no card, or another library's file in its place.

    A damaged card counts as ours: class names, clip and licence must not be lost silently.
    """
    if not path.is_file():
        return True
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(values, dict) and not {"class_names", "format_version"} & values.keys()


def _load_pickled(path: Path) -> Mapping[str, Tensor]:
    try:
        with on_this_machine(path) as local:
            found = load_tensors(local)
    except StoreError:
        raise
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path} is damaged or holds more than tensors, which is not loaded because it could "
            "run code; save the network's state_dict() alone"
        ) from None
    except Exception as error:  # zip, end of file, pickle: torch's errors are of many types
        raise ValueError(f"{path} is damaged or no PyTorch file: {one_line(error)}") from None
    for nest in _NESTS:
        if isinstance(found, Mapping) and isinstance(found.get(nest), Mapping):
            found = found[nest]
    state = {}
    if isinstance(found, Mapping):
        items = found.items()
        state = {k: v for k, v in items if isinstance(k, str) and isinstance(v, Tensor)}
    if not state:
        kind = type(found).__name__
        raise ValueError(
            f"{path} must hold a network's state_dict(), got a {kind} without named tensors"
        )
    return state


def _unwrapped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    for wrapper in _WRAPPERS:
        if state and all(name.startswith(wrapper) for name in state):
            return {name.removeprefix(wrapper): value for name, value in state.items()}
    return state
