"""What the CP modules of a network matched during one forward pass."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from motionlens._utils.checks import check_at_least
from motionlens.models.capture import correspondence_modules
from motionlens.models.correspondence import CorrespondenceProposal, set_num_proposals
from motionlens.ops.pair_embedding import pair_responses
from motionlens.ops.proposals import Proposals

# Positions whose proposals are turned into plain values together.
_AT_ONCE = 64

# Top, left, height and width of a part of a frame, pixels.
Region = tuple[float, float, float, float]


class Position(NamedTuple):
    """A position on the grid of a module.

    Attributes:
        frame: number in the clip.
        row: on the grid.
        column: on the grid.
        change: norm of what the module added there.
    """

    frame: int
    row: int
    column: int
    change: float


class Target(NamedTuple):
    """A proposal of a position.

    Attributes:
        frame: number in the clip.
        row: on the grid.
        column: on the grid.
        distance: in feature space, by the module's metric (squared for L2).
        wins: channels in which it gave the maximum; 0 for a dropped proposal.
    """

    frame: int
    row: int
    column: int
    distance: float
    wins: int


class Match(NamedTuple):
    """One position and its proposals, on the grid of a module.

    Attributes:
        frame: of the position.
        row: of the position on the grid.
        column: of the position on the grid.
        targets: its proposals, nearest first.
        grid: rows and columns.
    """

    frame: int
    row: int
    column: int
    targets: tuple[Target, ...]
    grid: tuple[int, int]


def cell_region(grid: tuple[int, int], row: int, column: int, region: Region) -> Region:
    """The part of a frame that a cell covers, if the grid divides a region into equal cells."""
    top, left, height, width = region
    H, W = grid
    return top + row * height / H, left + column * width / W, height / H, width / W


class Correspondences(NamedTuple):
    """What one CP module matched in a batch of clips; for a single clip without the axis B.

    Attributes:
        grid: rows H and columns W of the searched features; S = H*W.
        proposals: indices and distances, each ``(B, T, S, K)``, nearest first; index -1 for none.
        wins: int64 ``(B, T, S, K)``, the number of channels in which a proposal gave the maximum.
            Channels in which no pair responds have no winner.
        change: float ``(B, T, S)``, norm of what the module added at a position.
        channels: that the maximum is taken in; the upper bound of wins.
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
        """One clip of the batch, on the CPU and without the axis B."""
        proposals = Proposals(*(values[number].cpu() for values in self.proposals))
        wins, change = self.wins[number].cpu(), self.change[number].float().cpu()
        return Correspondences(self.grid, proposals, wins, change, self.channels)

    def match(self, frame: int, row: int, column: int) -> Match:
        """A position of a single clip and its proposals.

        Args:
            frame: number in the clip.
            row: on the grid.
            column: on the grid.

        Raises:
            ValueError: If there is no such position.
        """
        H, W = self.grid
        limits = (("frame", frame, len(self.wins)), ("row", row, H), ("column", column, W))
        for name, value, stop in limits:
            if not 0 <= value < stop:
                raise ValueError(f"{name} must lie in 0..{stop - 1}, got {value}; name one of them")
        (targets,) = self.targets([Position(frame, row, column, 0.0)])
        return Match(frame, row, column, targets, self.grid)

    def targets(self, positions: Sequence[Position]) -> Iterator[tuple[Target, ...]]:
        """The proposals of each of some positions of a single clip, nearest first."""
        H, W = self.grid
        tables = [values.flatten(0, 1) for values in (*self.proposals, self.wins)]
        for first in range(0, len(positions), _AT_ONCE):
            some = positions[first : first + _AT_ONCE]
            places = torch.tensor([(at.frame * H + at.row) * W + at.column for at in some])
            for rows in zip(*(table[places].tolist() for table in tables), strict=True):
                yield tuple(
                    Target(index // (H * W), index % (H * W) // W, index % W, distance, wins)
                    for index, distance, wins in zip(*rows, strict=True)
                    if index >= 0
                )

    def ranked(self, n: int | None = None) -> list[Position]:
        """The n positions of a single clip that the module changed most, all if None.

        Equal ones keep their order.

        Raises:
            ValueError: If n is below 1.
        """
        if n is not None:
            check_at_least(1, n=n)
        H, W = self.grid
        change, order = torch.sort(self.change.flatten(), descending=True, stable=True)
        return [
            Position(index // (H * W), index % (H * W) // W, index % W, value)
            for index, value in zip(order[:n].tolist(), change[:n].tolist(), strict=True)
        ]


def explain_clips(model: nn.Module, clips: Tensor) -> dict[str, Correspondences]:
    """What each CP module of a network matched.

    Args:
        model: a network with CP modules, in inference mode.
        clips: its input, such as float ``(B, 3, T, H, W)``.

    Returns:
        Block name to correspondences, in the order of the forward pass; empty without CP modules.
    """
    return run_explained(model, clips)[1]


def run_explained(
    model: nn.Module, clips: Tensor, *, k: int | None = None
) -> tuple[Tensor, dict[str, Correspondences]]:
    """Logits of a network, and what each of its CP modules matched, from one forward pass.

    The network stays as it is, so several threads may share it.

    Args:
        model: a network with CP modules, in inference mode.
        clips: its input, such as float ``(B, 3, T, H, W)``.
        k: proposals per position, instead of the model's own.

    Returns:
        Logits ``(B, num_classes)``, and block name to correspondences in the order of the pass.

    Raises:
        ValueError: If k is below 1, more than there are candidates, or there is no CP module.
    """
    # Hooks and another k go to a copy of the modules that shares the weights.
    shared = {id(values): values for values in chain(model.parameters(), model.buffers())}
    model = copy.deepcopy(model, shared)
    if k is not None:
        set_num_proposals(model, k)
    inputs: dict[str, Tensor] = {}
    modules = correspondence_modules(model)
    for name, module in modules.items():

        def keep(_: nn.Module, args: tuple[Any, ...], name: str = name) -> None:
            inputs[name] = args[0]

        module.register_forward_pre_hook(keep)
    with torch.no_grad():
        logits = model(clips)
        return logits, {name: _explain(modules[name], x) for name, x in inputs.items()}


def _explain(module: CorrespondenceProposal, x: Tensor) -> Correspondences:
    features, grid = module.searched_features(x)
    proposals = module.search(features)
    layers, scale = module.pair_layers(), module.offset_scale
    responses = pair_responses(features, proposals.indices, grid, layers, offset_scale=scale)
    strongest, winner = responses.max(3)
    wins = torch.zeros_like(proposals.indices)
    wins.scatter_add_(3, winner, (strongest > 0).to(wins.dtype))
    change = module.projection(strongest).norm(dim=-1)
    return Correspondences(grid, proposals, wins, change, module.projection.linear.in_features)
