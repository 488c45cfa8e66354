"""Our own checkpoint, weights and model card in one folder: writing, finding and reading it."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from motionlens._utils.addresses import Address, as_path, on_this_machine
from motionlens._utils.errors import one_line
from motionlens._utils.files import write_atomically
from motionlens._utils.remote_files import StoreError
from motionlens.inference import hub
from motionlens.inference.card import ModelCard
from motionlens.inference.onnx_network import OnnxNetwork, is_onnx
from motionlens.pretrained import NAMES, bundled_path

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "config.json"

# A card with the names of a hundred thousand classes has some megabytes.
_MAX_CARD = 10_000_000
# Weights that a network may have besides those of its file.
_MORE = 1_000_000
# Entry of the weights file's metadata.
_CHECKSUM = "motionlens_sha256"


def save_checkpoint(folder: str | os.PathLike[str], model: nn.Module, card: ModelCard) -> None:
    """Write a network for use; each file is replaced as a whole or not at all.

    Args:
        folder: made if absent.
        model: what ``card.build()`` gives, with any weights.
        card: its model card.

    Raises:
        OSError: If the folder cannot be written.
    """
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    # The checksum is in the weights' own file, so that the two can never be of different times.
    # Other libraries, transformers among them, want to read "pt".
    content = save(state, metadata={"format": "pt", _CHECKSUM: checksum(state)})
    write_atomically(folder / WEIGHTS_FILE, _with_sorted_metadata(content))
    save_card(folder, card)


def save_card(folder: str | os.PathLike[str], card: ModelCard) -> None:
    """Write the card of a network that is there, or is about to be.

    Raises:
        OSError: If it cannot be written.
    """
    write_atomically(Path(folder, CARD_FILE), card.to_json().encode())


def load_checkpoint(source: str | os.PathLike[str]) -> tuple[nn.Module, ModelCard]:
    """Read what :func:`save_checkpoint` wrote; nothing in the files is executed.

    Args:
        source: anything that :meth:`motionlens.Recognizer.from_pretrained` takes.

    Returns:
        The network in inference mode, on the CPU, and its card.

    Raises:
        ValueError: If there is nothing of that name; or a file is missing, cut short, altered, or
            belongs to another network.
        ImportError: If onnxruntime is not installed, for an ``.onnx`` file.
    """
    if is_onnx(source):
        network = OnnxNetwork(source).eval()
        return network, network.card
    folder = find_checkpoint(source)
    card = load_card(folder)
    if not (folder / WEIGHTS_FILE).is_file():
        raise ValueError(_lacks(folder, WEIGHTS_FILE))
    found = load_safetensors(folder / WEIGHTS_FILE)
    try:
        # One that needs more weights than the file holds does not fit it.
        model = card.build(max_weights=_MORE + 2 * sum(w.numel() for w in found.values()))
    # Options of any type and size end in errors of many types.
    except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as error:
        reason = one_line(error)[:200]
        raise ValueError(f"{folder / CARD_FILE} cannot be used: {reason}") from None
    try:
        model.load_state_dict(found)
    except RuntimeError:
        expected = model.state_dict()
        odd = [n for n in expected if n not in found or expected[n].shape != found[n].shape]
        odd += [name for name in found if name not in expected]
        raise ValueError(
            f"{folder / WEIGHTS_FILE} does not hold the weights of {card.model}: {len(odd)} "
            f"entries are missing, left over or of another shape, the first is {odd[0]}"
        ) from None
    return model.eval(), card


def find_checkpoint(source: str | os.PathLike[str]) -> Path:
    """The folder with a recognizer's files; a hub model is downloaded, or found in the cache.

    Any folder is taken for one: loading it says what it lacks.

    Raises:
        ValueError: If there is neither such a folder nor such a hub model.
    """
    path, name = as_path(source), os.fspath(source)
    files = [CARD_FILE, WEIGHTS_FILE]
    if name in NAMES and not path.exists():
        return bundled_path(name)
    if name.startswith(hub.PREFIX):
        return hub.download(name, files)
    if isinstance(path, Address) or path.is_dir():
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


def load_card(folder: str | os.PathLike[str]) -> ModelCard:
    """Read the card of a checkpoint alone.

    Raises:
        ValueError: If it is missing or cannot be used.
    """
    path = as_path(folder) / CARD_FILE
    if not path.is_file():
        raise ValueError(_lacks(path.parent, CARD_FILE))
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_CARD + 1)
        if len(content) > _MAX_CARD:
            raise ValueError(f"a model card has at most {_MAX_CARD:,} bytes")
        return ModelCard.from_json(content.decode())
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be used: {error}") from None


def load_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; one of ours is compared with the checksum that it carries.

    Raises:
        ValueError: If the file is cut short, altered, or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with on_this_machine(path) as local, safe_open(local, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}
    except StoreError:
        raise
    except (SafetensorError, OSError, MemoryError) as error:
        raise ValueError(f"{path} is damaged: {one_line(error)}; copy it again") from None
    if _CHECKSUM in metadata and metadata[_CHECKSUM] != checksum(state):
        raise ValueError(f"{path} is damaged: its weights have been altered; copy it again")
    return state


def _with_sorted_metadata(content: bytes) -> bytes:
    """A safetensors file with its metadata in order: safetensors writes it in any order."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the weights begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def checksum(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names and bytes of all entries."""
    found = hashlib.sha256()
    for name in sorted(state):
        found.update(name.encode())
        # Any dtype as bytes; a tensor of no dimensions has none to be viewed along.
        found.update(state[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _lacks(folder: Path, name: str) -> str:
    return f"{folder} holds no {name}; give a folder that 'motionlens train' wrote"
