"""Positions by frame, row and column: those changed most, and the proposals of one."""

from __future__ import annotations

from typing import NamedTuple

import torch

from motionlens.explain.correspondences import Correspondences

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
        wins: channels in which it gave the maximum; 0 for a dropped proposal.
        distance: in feature space, by the module's metric (squared for L2).
    """

    frame: int
    row: int
    column: int
    wins: int
    distance: float


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


def find_match(found: Correspondences, frame: int, row: int, column: int) -> Match:
    """A position and its proposals.

    Args:
        found: of one clip.
        frame: number in the clip.
        row: on the module's grid.
        column: on the module's grid.

    Raises:
        ValueError: If there is no such position.
    """
    H, W = found.grid
    limits = (("frame", frame, len(found.wins)), ("row", row, H), ("column", column, W))
    for name, value, stop in limits:
        if not 0 <= value < stop:
            raise ValueError(f"{name} must lie in 0..{stop - 1}, got {value}; name one of them")
    place = row * W + column
    values = (*found.proposals, found.wins)
    targets = tuple(
        Target(index // (H * W), index % (H * W) // W, index % W, wins, distance)
        for index, distance, wins in zip(*(v[frame, place].tolist() for v in values), strict=True)
        if index >= 0
    )
    return Match(frame, row, column, targets, found.grid)


def rank_positions(found: Correspondences, n: int | None = None) -> list[Position]:
    """The n positions that the module changed most, all if None; equal ones in their order.

    Args:
        found: of one clip.
        n: number of positions.

    Raises:
        ValueError: If n is below 1.
    """
    if n is not None and n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    H, W = found.grid
    change, order = torch.sort(found.change.flatten(), descending=True, stable=True)
    return [
        Position(index // (H * W), index % (H * W) // W, index % W, value)
        for index, value in zip(order[:n].tolist(), change[:n].tolist(), strict=True)
    ]
