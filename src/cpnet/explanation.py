"""Which position was matched with which, as data."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cpnet.models.capture import correspondence_modules
from cpnet.models.correspondence import CorrespondenceProposal
from cpnet.ops import Proposals, pair_responses


class Correspondences(NamedTuple):
    """What one CP module matched in a batch of clips.

    Attributes:
        grid: rows H and columns W that were searched; S = H*W.
        proposals: indices and distances, each ``(B, T, S, K)``.
        wins: int64 ``(B, T, S, K)``; in how many channels a proposal gave the maximum that went
            on. Channels in which no pair responds have no winner.
        change: float ``(B, T, S)``, norm of what the module added at that position.
    """

    grid: tuple[int, int]
    proposals: Proposals
    wins: Tensor
    change: Tensor


def explain_clips(model: nn.Module, clips: Tensor) -> dict[str, Correspondences]:
    """Run a network and tell what each of its CP modules matched.

    Args:
        model: a network with CP modules, in inference mode.
        clips: what it takes, such as float ``(B, 3, T, H, W)``.

    Returns:
        Block name to its correspondences, in the order of the data; empty without CP modules.
    """
    inputs: dict[str, Tensor] = {}
    modules = correspondence_modules(model)
    with ExitStack() as stack, torch.no_grad():
        for name, module in modules.items():

            def keep(_: nn.Module, args: tuple[Any, ...], name: str = name) -> None:
                inputs[name] = args[0]

            stack.callback(module.register_forward_pre_hook(keep).remove)
        model(clips)
    with torch.no_grad():
        return {name: _explain(modules[name], x) for name, x in inputs.items()}


def _explain(module: CorrespondenceProposal, x: Tensor) -> Correspondences:
    features, grid = module.searched_features(x)
    proposals = module.search(features)
    responses = pair_responses(
        features,
        proposals.indices,
        grid,
        module.pair_layers(),
        offset_scale=module.offset_scale,
    )
    strongest, winner = responses.max(3)
    wins = torch.zeros_like(proposals.indices)
    wins.scatter_add_(3, winner, (strongest > 0).to(wins.dtype))
    embedded = module.projection(strongest)
    return Correspondences(grid, proposals, wins, embedded.norm(dim=-1))
