"""Weights and model card on disk, in one folder; and 2D weights for 3D networks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from cpnet._files import write_atomically
from cpnet.models.card import ModelCard

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "config.json"


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
    metadata = {"format": "pt", "cpnet_format_version": str(card.format_version)}
    write_atomically(folder / WEIGHTS_FILE, save(state, metadata=metadata))
    write_atomically(folder / CARD_FILE, card.to_json().encode())


def load_checkpoint(folder: str | os.PathLike[str]) -> tuple[nn.Module, ModelCard]:
    """Read what :func:`save_checkpoint` wrote; nothing in the files is executed.

    Args:
        folder: holds ``model.safetensors`` and ``config.json``.

    Returns:
        The network in inference mode, on the CPU, and its card.

    Raises:
        ValueError: If a file is missing, cut short, altered, or belongs to another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    for name in (CARD_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} holds no {name}; give a folder that 'cpnet train' wrote")
    try:
        card = ModelCard.from_json((folder / CARD_FILE).read_text(encoding="utf-8"))
        model = card.build()
    except (ValueError, TypeError) as error:
        raise ValueError(f"{folder / CARD_FILE} cannot be used: {error}") from None
    try:
        state = load_file(folder / WEIGHTS_FILE)
    except SafetensorError as error:
        raise ValueError(f"{folder / WEIGHTS_FILE} is damaged: {error}; copy it again") from None
    try:
        model.load_state_dict(state)
    except RuntimeError:
        expected, found = model.state_dict(), state
        odd = [n for n in expected if n not in found or expected[n].shape != found[n].shape]
        odd += [name for name in found if name not in expected]
        raise ValueError(
            f"{folder / WEIGHTS_FILE} does not hold the weights of {card.model}: {len(odd)} "
            f"entries are missing, left over or of another shape, the first is {odd[0]}"
        ) from None
    return model.eval(), card


def inflate(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Turn the 2D kernels of a state dict into those of a 3D network of the same names.

    A kernel of length t in time is t copies of the 2D one, each divided by t, so that a still
    video gives what its one frame gave (but near the ends of the clip, which are padded).

    Args:
        state: of a 2D network, such as an ImageNet ResNet.
        model: the 3D network, for the shapes.

    Returns:
        The state dict to load; entries that are no kernels of another rank are passed on as they
        are.

    Raises:
        ValueError: If a kernel does not fit in its other dimensions.
    """
    inflated = dict(state)
    for name, wanted in model.state_dict().items():
        if name not in state or (state[name].dim(), wanted.dim()) != (4, 5):
            continue
        length = wanted.shape[2]
        kernel = state[name].unsqueeze(2).expand(-1, -1, length, -1, -1) / length
        if kernel.shape != wanted.shape:
            raise ValueError(
                f"{name} must have shape {(*wanted.shape[:2], *wanted.shape[3:])} to be inflated, "
                f"got {tuple(state[name].shape)}"
            )
        inflated[name] = kernel
    return inflated
