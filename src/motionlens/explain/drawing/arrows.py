"""Arrows from a position to its proposals."""

import math
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.patheffects import withStroke

from motionlens.explain.correspondences import Match, Target, cell_region
from motionlens.explain.drawing.sheet import FrameLayout, Sheet
from motionlens.explain.drawing.themes import DROPPED_COLOUR, KEPT_COLOUR, POSITION_COLOUR

# Height of an arc, as a share of the arrow's length, and at most of a frame's height.
_BEND, _MAX_BEND = 0.09, 0.3
_DASHES = (0, (3, 1.5))
# Around lines and cells, so that they show on frames of any colour.
_HALO_WIDTH, _HALO_COLOUR = 1.8, "#000000A0"


def draw_match(sheet: Sheet, layout: FrameLayout, match: Match) -> int:
    """Draw a position and arrows to its proposals; those kept by the maximum are strong.

    Args:
        sheet: to draw on.
        layout: places of the frames; the match's grid covers its region.
        match: position and proposals.

    Returns:
        Number of proposals that are not drawn because their frames are not shown.
    """
    strongest = max([target.wins for target in match.targets], default=0)
    drawn = [target for target in match.targets if target.frame in layout.shown]
    # Weak ones first, so that they never hide a strong one.
    for target in sorted(drawn, key=lambda target: target.wins):
        colour, width = (KEPT_COLOUR, 1.6) if target.wins else (DROPPED_COLOUR, 1.0)
        _draw_cell(sheet, layout, match, target, colour, width, halo=bool(target.wins))
        _draw_arrow(sheet, layout, match, target, strongest)
    draw_position(sheet, layout, match)
    return len(match.targets) - len(drawn)


def draw_position(sheet: Sheet, layout: FrameLayout, match: Match) -> None:
    """Draw the cell of the position."""
    _draw_cell(sheet, layout, match, match, POSITION_COLOUR, 2.2)


def match_legend() -> list[Line2D]:
    """What the colours mean."""
    kept = "proposal kept by the maximum, wider for more channels"
    dropped: dict[str, Any] = {"linewidth": 1.2, "linestyle": _DASHES, "label": "proposal dropped"}
    cell: dict[str, Any] = {"marker": "s", "markerfacecolor": "none", "markeredgewidth": 2}
    cell |= {"markersize": 8, "linewidth": 0, "label": "position"}
    return [
        Line2D([], [], color=POSITION_COLOUR, **cell),
        Line2D([], [], color=KEPT_COLOUR, linewidth=2.6, label=kept),
        Line2D([], [], color=DROPPED_COLOUR, **dropped),
    ]


def _draw_cell(
    sheet: Sheet,
    layout: FrameLayout,
    match: Match,
    at: Match | Target,
    colour: str,
    width: float,
    *,
    halo: bool = True,
) -> None:
    region = cell_region(match.grid, at.row, at.column, layout.region)
    cell = Rectangle(*layout.box(at.frame, region), fill=False, edgecolor=colour, zorder=2)
    cell.set(linewidth=width, path_effects=[_halo(width)] if halo else [])
    sheet.ax.add_patch(cell)


def _draw_arrow(
    sheet: Sheet, layout: FrameLayout, match: Match, target: Target, strongest: int
) -> None:
    start, end = _middle(layout, match, match), _middle(layout, match, target)
    height = layout.frame_size[0]
    bend = 2 * min(_BEND, _MAX_BEND * height / max(math.dist(start, end), 1e-6))
    # Arcs bend towards the middle of the frame, where there is room for them.
    middle = layout.corner(match.frame)[1] + height / 2
    if (end[0] < start[0]) != (start[1] > middle):
        bend = -bend
    width = 1.0 + 1.8 * target.wins / max(strongest, 1)
    is_kept = bool(target.wins)
    arrow = FancyArrowPatch(
        start,
        end,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle="-|>",
        linewidth=width,
        shrinkA=4,
        shrinkB=3,
        color=KEPT_COLOUR if is_kept else DROPPED_COLOUR,
        alpha=1.0 if is_kept else 0.75,
        linestyle="-" if is_kept else _DASHES,
        mutation_scale=11 if is_kept else 8,
        zorder=4 if is_kept else 3,
        path_effects=[_halo(width)] if is_kept else [],
    )
    sheet.ax.add_patch(arrow)


def _middle(layout: FrameLayout, match: Match, at: Match | Target) -> tuple[float, float]:
    """X and y on the sheet of the middle of a cell."""
    y, x, height, width = cell_region(match.grid, at.row, at.column, layout.region)
    return layout.point(at.frame, y + height / 2, x + width / 2)


def _halo(linewidth: float) -> withStroke:
    return withStroke(linewidth=linewidth + _HALO_WIDTH, foreground=_HALO_COLOUR)
