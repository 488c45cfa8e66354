"""Measured rows one below the other: mean, interval, single runs, and published values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from motionlens.report.plots.style import CHANCE_LINE, COLOURS, Style, Target, new_figure, save

_OURS, _PUBLISHED = COLOURS[:2]
_ROW_INCHES = 0.34
# The kinds of marks also differ in shape and filling.
_MEAN: Style = {"color": _OURS, "marker": "o", "linestyle": "", "markersize": 6}
_RUN: Style = {"color": _OURS, "marker": "|", "linestyle": "", "markersize": 9}
_INTERVAL: Style = {"color": _OURS, "linewidth": 2.2, "alpha": 0.55}
_POSTER: Style = {
    **{"color": _PUBLISHED, "marker": "D", "linestyle": "", "markersize": 6},
    "markerfacecolor": "none",
}


class Point(NamedTuple):
    """What was measured for a row.

    Attributes:
        mean: over the runs.
        values: one per run.
        interval: low and high; None if there is none.
        published: the value that others published; None if they have none.
    """

    mean: float
    values: Sequence[float]
    interval: tuple[float, float] | None
    published: float | None = None


def draw_panels(
    panels: Mapping[str, Mapping[str, Point]],
    path: Target,
    *,
    title: str,
    label: str,
    chance: float | None = None,
) -> None:
    """Draw panels side by side, with the same rows.

    Args:
        panels: title of each to its points by row; at least one.
        path: of the picture; the suffix names the format.
        title: above all panels.
        label: below each, what was measured.
        chance: drawn as a line; None for none.

    Raises:
        OSError: If the file cannot be written.
    """
    rows = list(dict.fromkeys(row for points in panels.values() for row in points))
    width = 1.5 + (3.4 if len(panels) < 3 else 2.7) * len(panels)
    figure, every = new_figure(width, 1.7 + _ROW_INCHES * len(rows), len(panels))
    for axes, (name, points) in zip(every, panels.items(), strict=True):
        _draw_panel(axes, points, rows, chance)
        axes.set_xlabel(label, fontsize=9)
        if len(panels) > 1:
            axes.set_title(name, fontsize=10)
    every[0].set_yticks(range(len(rows)), rows)
    every[0].set_ylim(len(rows) - 0.4, -0.6)
    figure.suptitle(title, fontsize=11)
    figure.legend(
        handles=list(_legend([p for points in panels.values() for p in points.values()], chance)),
        loc="outside lower center",
        ncols=2 if len(panels) == 1 else 4,
        frameon=False,
        fontsize=8,
    )
    save(figure, path)


def _draw_panel(
    axes: Axes, points: Mapping[str, Point], rows: Sequence[str], chance: float | None
) -> None:
    if chance is not None:
        axes.axvline(chance, **CHANCE_LINE)
    for place, row in enumerate(rows):
        axes.axhline(place, color="#eeeeee", linewidth=0.8, zorder=-1)
        if row not in points:
            continue
        mean, values, interval, published = points[row]
        if interval is not None:
            axes.plot(interval, (place, place), **_INTERVAL)
        if len(values) > 1:
            axes.plot(values, [place] * len(values), **_RUN)
        axes.plot([mean], [place], **_MEAN)
        if published is not None:
            axes.plot([published], [place], **_POSTER)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)


def _legend(points: Sequence[Point], chance: float | None) -> Iterable[Line2D]:
    """Only what is drawn."""
    yield Line2D([], [], label="here, mean of runs", **_MEAN)
    if any(len(point.values) > 1 for point in points):
        yield Line2D([], [], label="one run", **_RUN)
    if any(point.interval is not None for point in points):
        yield Line2D([], [], label="95 % interval", **_INTERVAL)
    if any(point.published is not None for point in points):
        yield Line2D([], [], label="poster, its own data and machine", **_POSTER)
    if chance is not None:
        yield Line2D([], [], label="chance", **CHANCE_LINE)
