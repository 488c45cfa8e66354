"""Clips that a network takes minutes or all memory for: refused in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# 50 frames of 28x28.
_MAX_POSITIONS = 40_000


def check_positions(module: nn.Module, inputs: tuple[Tensor]) -> None:
    """Refuse a search that takes minutes on a processor: its time grows with their square.

    Raises:
        ValueError: If the clip has too many positions.
    """
    _, _, T, H, W = inputs[0].shape
    d = int(module.downsample)  # type: ignore[arg-type]
    if (positions := T * (H // d) * (W // d)) > _MAX_POSITIONS:
        raise ValueError(
            f"a clip must have at most {_MAX_POSITIONS:,} positions to search on a processor, "
            f"{T} grids of {H // d}x{W // d} have {positions:,}; take fewer or smaller frames"
        )


@contextmanager
def naming_memory(clips: Tensor) -> Iterator[None]:
    """Say which clips take more memory than there is.

    Raises:
        ValueError: If they do.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise ValueError(
            f"clips {tuple(clips.shape)} need more memory than there is; take fewer at a time, "
            "fewer frames or smaller ones"
        ) from None
