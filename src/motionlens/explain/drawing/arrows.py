"""Arrows from a position to its proposals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import withStroke

from motionlens.explain.drawing.frames import rectangle
from motionlens.explain.drawing.sheet import FrameLayout, Region, Sheet
from motionlens.explain.drawing.themes import DROPPED_COLOUR, KEPT_COLOUR, POSITION_COLOUR
from motionlens.explain.matches import Match, Target

# Height of an arrow's arc, as a part of its length and at most of a frame's height.
_BEND, _MOST_BEND = 0.09, 0.3
_DASHES = (0, (3, 1.5))
# Around lines and cells, so that they are seen on frames of any colour.
_HALO_WIDTH, _HALO_COLOUR = 1.8, "#000000A0"


def cell_box(match: Match, row: int, column: int, region: Region) -> Region:
    """Top, left, height and width of a cell of the match's grid, pixels of the frame."""
    top, left, height, width = region
    H, W = match.grid
    return top + row * height / H, left + column * width / W, height / H, width / W


def draw_match(sheet: Sheet, layout: FrameLayout, match: Match, region: Region) -> int:
    """Draw a position and arrows to its proposals; those kept by the maximum strong.

    Args:
        sheet: to draw on.
        layout: places of the frames.
        match: position and proposals.
        region: part of the frames that the grid covers, pixels.

    Returns:
        Proposals that are not drawn because their frames are not shown.
    """
    strongest = max([target.wins for target in match.targets], default=0)
    drawn = [target for target in match.targets if target.frame in layout.shown]
    # Pale ones first, so that they never hide a strong one.
    for target in sorted(drawn, key=lambda target: target.wins):
        _draw_cell(sheet, layout, match, target, region)
        _draw_arrow(sheet, layout, match, target, region, strongest)
    draw_position(sheet, layout, match, region)
    return len(match.targets) - len(drawn)


def draw_targets(sheet: Sheet, layout: FrameLayout, match: Match, region: Region) -> None:
    """Draw the cells of the proposals in the frames that are shown, without arrows."""
    for target in sorted(match.targets, key=lambda target: target.wins):
        if target.frame in layout.shown:
            _draw_cell(sheet, layout, match, target, region)


def draw_position(sheet: Sheet, layout: FrameLayout, match: Match, region: Region) -> None:
    """Draw the cell of the position."""
    box = cell_box(match, match.row, match.column, region)
    sheet.ax.add_patch(
        rectangle(
            layout,
            match.frame,
            box,
            fill=False,
            edgecolor=POSITION_COLOUR,
            linewidth=2.2,
            path_effects=[_halo(2.2)],
        )
    )


def match_legend() -> Sequence[Line2D]:
    """What the colours mean."""
    square = Line2D([], [], color=POSITION_COLOUR, linewidth=0, marker="s", markersize=8)
    square.set(markerfacecolor="none", markeredgewidth=2, label="position")
    kept = Line2D([], [], color=KEPT_COLOUR, linewidth=2.6)
    kept.set_label("proposal kept by the maximum, wider for more channels")
    dropped = Line2D([], [], color=DROPPED_COLOUR, linewidth=1.2, linestyle=_DASHES)
    dropped.set_label("proposal dropped")
    return [square, kept, dropped]


def _draw_cell(
    sheet: Sheet, layout: FrameLayout, match: Match, target: Target, region: Region
) -> None:
    box = cell_box(match, target.row, target.column, region)
    kept = target.wins > 0
    sheet.ax.add_patch(
        rectangle(
            layout,
            target.frame,
            box,
            fill=False,
            edgecolor=KEPT_COLOUR if kept else DROPPED_COLOUR,
            linewidth=1.6 if kept else 1.0,
            path_effects=[_halo(1.6)] if kept else [],
        )
    )


def _draw_arrow(
    sheet: Sheet,
    layout: FrameLayout,
    match: Match,
    target: Target,
    region: Region,
    strongest: int,
) -> None:
    start = _middle(layout, match.frame, cell_box(match, match.row, match.column, region))
    end = _middle(layout, target.frame, cell_box(match, target.row, target.column, region))
    length = math.dist(start, end)
    height = layout.frame_size[0]
    bend = 2 * min(_BEND, _MOST_BEND * height / max(length, 1e-6))
    # Arcs bend towards the middle of the frame, where there is room for them.
    middle = layout.corner(match.frame)[1] + height / 2
    if (end[0] < start[0]) != (start[1] > middle):
        bend = -bend
    kept = target.wins > 0
    width = 1.0 + 1.8 * target.wins / max(strongest, 1)
    sheet.ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>",
            mutation_scale=11 if kept else 8,
            linewidth=width,
            linestyle="-" if kept else _DASHES,
            color=KEPT_COLOUR if kept else DROPPED_COLOUR,
            alpha=1.0 if kept else 0.75,
            shrinkA=4,
            shrinkB=3,
            zorder=4 if kept else 3,
            path_effects=[_halo(width)] if kept else [],
        )
    )


def _middle(layout: FrameLayout, frame: int, box: Region) -> tuple[float, float]:
    y, x, height, width = box
    return layout.point(frame, y + height / 2, x + width / 2)


def _halo(linewidth: float) -> withStroke:
    return withStroke(linewidth=linewidth + _HALO_WIDTH, foreground=_HALO_COLOUR)
