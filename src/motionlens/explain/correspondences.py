"""What the CP modules of a network matched while it ran."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from motionlens.models.capture import correspondence_modules
from motionlens.models.correspondence import CorrespondenceProposal, set_num_proposals
from motionlens.ops.pair_embedding import pair_responses
from motionlens.ops.proposals import Proposals


class Correspondences(NamedTuple):
    """What one CP module matched in a batch of clips, or in one clip: then there is no B.

    Attributes:
        grid: rows H and columns W that were searched; S = H*W.
        proposals: indices and distances, each ``(B, T, S, K)``, nearest first; index -1 for none.
        wins: int64 ``(B, T, S, K)``; in how many channels a proposal gave the maximum that went
            on. Channels in which no pair responds have no winner.
        change: float ``(B, T, S)``, norm of what the module added at that position.
        channels: over which the maximum goes; the most wins that a proposal can have.
    """

    grid: tuple[int, int]
    proposals: Proposals
    wins: Tensor
    change: Tensor
    channels: int

    @property
    def k(self) -> int:
        """Proposals per position."""
        return self.wins.shape[-1]

    def of_clip(self, number: int) -> Correspondences:
        """What was matched in one clip of the batch, on the CPU and without the batch's axis."""
        proposals = Proposals(*(values[number].cpu() for values in self.proposals))
        wins, change = self.wins[number].cpu(), self.change[number].float().cpu()
        return Correspondences(self.grid, proposals, wins, change, self.channels)


def explain_clips(model: nn.Module, clips: Tensor) -> dict[str, Correspondences]:
    """Run a network and tell what each of its CP modules matched.

    Args:
        model: a network with CP modules, in inference mode.
        clips: what it takes, such as float ``(B, 3, T, H, W)``.

    Returns:
        Block name to its correspondences, in the order of the data; empty without CP modules.
    """
    return run_explained(model, clips)[1]


def run_explained(
    model: nn.Module, clips: Tensor, *, k: int | None = None
) -> tuple[Tensor, dict[str, Correspondences]]:
    """Run a network once; its logits, and what each of its CP modules matched.

    The network is not touched, so several threads may do so at the same time.

    Args:
        model: a network with CP modules, in inference mode.
        clips: what it takes, such as float ``(B, 3, T, H, W)``.
        k: proposals per position, instead of the model's own.

    Returns:
        Logits ``(B, num_classes)``, and block name to correspondences in the order of the data.

    Raises:
        ValueError: If k is below 1, more than there are candidates, or there is no CP module.
    """
    # Hooks and another k go to a copy of the modules around the same weights.
    shared = {id(values): values for values in chain(model.parameters(), model.buffers())}
    model = copy.deepcopy(model, shared)
    if k is not None:
        set_num_proposals(model, k)
    inputs: dict[str, Tensor] = {}
    modules = correspondence_modules(model)
    with ExitStack() as stack, torch.no_grad():
        for name, module in modules.items():

            def keep(_: nn.Module, args: tuple[Any, ...], name: str = name) -> None:
                inputs[name] = args[0]

            stack.callback(module.register_forward_pre_hook(keep).remove)
        logits = model(clips)
        return logits, {name: _explain(modules[name], x) for name, x in inputs.items()}


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
    return Correspondences(
        grid, proposals, wins, embedded.norm(dim=-1), module.projection.linear.in_features
    )
