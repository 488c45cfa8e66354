"""Correspondences as pictures: a strip of frames, arrows from a position to its proposals."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle

from cpnet.explanation import Match

# Okabe-Ito: told apart by colour-blind readers, on dark frames and on white paper.
QUERY_COLOUR = "#E69F00"
KEPT_COLOUR = "#56B4E9"
DROPPED_COLOUR = "#BBBBBB"
# Height of an arrow's arc, as a part of its length.
_BEND = 0.18
_GAP = 0.08


class Row(NamedTuple):
    """One strip of a picture.

    Attributes:
        frames: uint8 ``(T, H, W, 3)``.
        match: what to draw on it.
        title: beside the strip.
    """

    frames: npt.NDArray[np.uint8]
    match: Match
    title: str


def draw_correspondences(rows: Sequence[Row], path: str | os.PathLike[str], title: str) -> None:
    """Write a picture of strips, one above the other.

    Args:
        rows: at least one; frames of one size.
        path: of the picture; the ending gives the format.
        title: above it.
    """
    T, H, W = rows[0].frames.shape[:3]
    width = 1.9 * (T + (T - 1) * _GAP) + 0.9
    height = 1.9 * H / W * len(rows) * (1 + _GAP) + 0.9
    figure = Figure(figsize=(width, height), layout="constrained", dpi=130)
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for ax, row in zip(axes, rows, strict=True):
        draw_strip(ax, row.frames)
        draw_match(ax, row.match, (H, W))
        ax.set_ylabel(row.title, rotation=0, ha="right", va="center", fontsize=11)
    for t in range(T):
        axes[0].text((t + 0.5 + t * _GAP) * W, -0.03 * H, f"frame {t}", ha="center", fontsize=9)
    figure.suptitle(title, fontsize=11)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path)


def draw_strip(ax: Axes, frames: npt.NDArray[np.uint8]) -> None:
    """Show frames ``(T, H, W, 3)`` side by side."""
    T, H, W = frames.shape[:3]
    for t, frame in enumerate(frames):
        left = t * W * (1 + _GAP)
        ax.imshow(frame, extent=(left, left + W, H, 0), interpolation="nearest")
    ax.set_xlim(0, W * (T + (T - 1) * _GAP))
    ax.set_ylim(H, 0)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def draw_match(ax: Axes, match: Match, size: tuple[int, int]) -> None:
    """Draw arrows from a position to its proposals on a strip of frames of ``size = (H, W)``."""
    start = _centre(match.frame, match.row, match.column, match.grid, size)
    strongest = max([target.wins for target in match.targets], default=0)
    # Pale ones first, so that they never hide a strong one.
    for frame, row, column, wins, _ in sorted(match.targets, key=lambda target: target.wins):
        end = _centre(frame, row, column, match.grid, size)
        # Arcs bend towards the middle, where there is room for them.
        bend = _BEND if (end[0] < start[0]) == (start[1] > size[0] / 2) else -_BEND
        kept = wins > 0
        colour = KEPT_COLOUR if kept else DROPPED_COLOUR
        weight = wins / strongest if kept else 0.0
        ax.add_patch(_cell(frame, row, column, match.grid, size, colour, 1.4 if kept else 0.9))
        ax.add_patch(
            FancyArrowPatch(
                start,
                end,
                connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>",
                mutation_scale=11 if kept else 8,
                linewidth=1.0 + 1.6 * weight,
                color=colour,
                alpha=1.0 if kept else 0.65,
                shrinkA=4,
                shrinkB=3,
            )
        )
    ax.add_patch(_cell(match.frame, match.row, match.column, match.grid, size, QUERY_COLOUR, 2.0))


def _left(frame: int, size: tuple[int, int]) -> float:
    return frame * size[1] * (1 + _GAP)


def _centre(
    frame: int, row: int, column: int, grid: tuple[int, int], size: tuple[int, int]
) -> tuple[float, float]:
    x = _left(frame, size) + (column + 0.5) * size[1] / grid[1]
    return x, (row + 0.5) * size[0] / grid[0]


def _cell(
    frame: int,
    row: int,
    column: int,
    grid: tuple[int, int],
    size: tuple[int, int],
    colour: str,
    linewidth: float,
) -> Rectangle:
    height, width = size[0] / grid[0], size[1] / grid[1]
    corner = (_left(frame, size) + column * width, row * height)
    return Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=linewidth)


def _legend() -> list[Line2D]:
    marker = {"marker": "s", "markersize": 9, "markerfacecolor": "none", "linewidth": 0}
    return [
        Line2D([], [], color=QUERY_COLOUR, label="position", **marker),  # type: ignore[arg-type]
        Line2D([], [], color=KEPT_COLOUR, linewidth=2.4, label="proposal kept by the maximum"),
        Line2D([], [], color=DROPPED_COLOUR, linewidth=1.2, label="proposal dropped"),
    ]
