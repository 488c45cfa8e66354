"""What a network is and costs, from shapes alone: it neither runs nor holds weights."""

import math
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from motionlens.models.capture import capture_proposals
from motionlens.models.registry import create_model, model_defaults

# The published sizes of networks are counted with these.
KINETICS_CLASSES = 400


class ModuleSite(NamedTuple):
    """Where a CP module sits.

    Attributes:
        block: such as ``"layer2.1"``.
        grid: rows and columns that it searches.
        k: proposals per position.
        positions: N = T*H*W that it searches.
    """

    block: str
    grid: tuple[int, int]
    k: int
    positions: int


class ModelDescription(NamedTuple):
    """A network in numbers.

    Attributes:
        name: of the network.
        parameters: trainable values.
        multiply_adds: for one clip in inference, the search's product included.
        input_shape: ``(B, C, T, H, W)`` that they are counted for.
        modules: its CP modules, in the order of the data.
    """

    name: str
    parameters: int
    multiply_adds: int
    input_shape: tuple[int, ...]
    modules: list[ModuleSite]


def describe(
    name: str,
    *,
    num_classes: int = KINETICS_CLASSES,
    num_frames: int | None = None,
    size: int | None = None,
    **overrides: Any,
) -> ModelDescription:
    """Describe a network by its name.

    Args:
        name: as for :func:`motionlens.create_model`, like the overrides.
        num_classes: number of classes.
        num_frames: frames of a clip; by default those that the network is made for.
        size: rows and columns of a clip, pixels; by default those that the network is made for.
        **overrides: options of the network.

    Raises:
        ValueError: As :func:`motionlens.create_model`; or if a module has fewer candidates than k.
    """
    with torch.device("meta"):
        model = create_model(name, num_classes=num_classes, **overrides).eval()
    made_for = model_defaults(name)
    num_frames, size = num_frames or made_for.num_frames, size or made_for.size
    clip = torch.empty(1, made_for.channels, num_frames, size, size, device="meta")
    counter = FlopCounterMode(display=False, custom_mapping=_SEARCH_COST)
    with torch.no_grad(), counter, capture_proposals(model) as seen:
        model(clip)
    sites = []
    for block, proposals in seen.items():
        _, T, S, k = proposals.indices.shape
        side = math.isqrt(S)  # of a square grid, as clips are square
        sites.append(ModuleSite(block, (side, side), k, T * S))
    parameters = sum(value.numel() for value in model.parameters())
    flops = counter.get_total_flops()
    return ModelDescription(name, parameters, flops // 2, tuple(clip.shape), sites)


def _search_flops(features: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """Operations of the product over frame pairs; selection does no multiply-adds."""
    B, T, S, C = features
    return 2 * B * T * (T - 1) * S * S * C  # type: ignore[no-any-return]


_SEARCH_COST = {torch.ops.motionlens.knn_proposals: _search_flops}
