"""Measured rows one below the other: mean, interval, single runs, and what was published."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

# Okabe-Ito; the two also differ in shape and filling.
OURS, PUBLISHED = "#0072B2", "#D55E00"
_ROW_INCHES = 0.34


class Point(NamedTuple):
    """What was measured of a row.

    Attributes:
        mean: over the runs.
        values: one a run.
        interval: low and high; None if there is none.
    """

    mean: float
    values: Sequence[float]
    interval: tuple[float, float] | None


class Panel(NamedTuple):
    """One column.

    Attributes:
        title: above it.
        points: row to what was measured.
        published: row to what others have printed.
    """

    title: str
    points: Mapping[str, Point]
    published: Mapping[str, float]


def draw_panels(
    panels: Sequence[Panel],
    path: str | os.PathLike[str],
    *,
    title: str,
    label: str,
    chance: float | None = None,
) -> None:
    """Draw panels side by side, with the same rows.

    Args:
        panels: at least one.
        path: of the picture; the ending gives the format.
        title: above all.
        label: below each, what is measured.
        chance: drawn as a line; None for none.

    Raises:
        OSError: If the file cannot be written.
    """
    rows = list(dict.fromkeys(row for panel in panels for row in panel.points))
    width = 1.5 + (3.4 if len(panels) < 3 else 2.7) * len(panels)
    height = 1.7 + _ROW_INCHES * len(rows)
    figure = Figure(figsize=(width, height), layout="constrained", dpi=130)
    every = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, panel in zip(every, panels, strict=True):
        _draw_panel(axes, panel, rows, chance)
        axes.set_xlabel(label, fontsize=9)
        if len(panels) > 1:
            axes.set_title(panel.title, fontsize=10)
    every[0].set_yticks(range(len(rows)), rows)
    every[0].set_ylim(len(rows) - 0.4, -0.6)
    figure.suptitle(title, fontsize=11)
    has_published = any(panel.published for panel in panels)
    figure.legend(
        handles=_legend(panels, has_published, chance),
        loc="outside lower center",
        ncols=2 if len(panels) == 1 else 4,
        frameon=False,
        fontsize=8,
    )
    figure.savefig(path)


def _draw_panel(axes: Axes, panel: Panel, rows: Sequence[str], chance: float | None) -> None:
    if chance is not None:
        axes.axvline(chance, color="#888888", linewidth=0.9, linestyle=":", zorder=0)
    for place, row in enumerate(rows):
        axes.axhline(place, color="#eeeeee", linewidth=0.8, zorder=-1)
        point = panel.points.get(row)
        if point is not None:
            if point.interval is not None:
                axes.plot(point.interval, (place, place), color=OURS, linewidth=2.2, alpha=0.55)
            if len(point.values) > 1:
                axes.plot(
                    point.values, [place] * len(point.values),
                    marker="|", color=OURS, linestyle="", markersize=9,
                )  # fmt: skip
            axes.plot([point.mean], [place], marker="o", color=OURS, markersize=6)
        if row in panel.published:
            axes.plot(
                [panel.published[row]], [place],
                marker="D", color=PUBLISHED, markersize=6, markerfacecolor="none", linestyle="",
            )  # fmt: skip
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)


def _legend(panels: Sequence[Panel], published: bool, chance: float | None) -> list[Line2D]:
    points = [point for panel in panels for point in panel.points.values()]
    handles = [Line2D([], [], color=OURS, marker="o", linestyle="", label="here, mean of runs")]
    if any(len(point.values) > 1 for point in points):
        handles.append(
            Line2D([], [], color=OURS, marker="|", markersize=9, linestyle="", label="one run")
        )
    if any(point.interval is not None for point in points):
        handles.append(Line2D([], [], color=OURS, linewidth=2.2, alpha=0.55, label="95 % interval"))
    if published:
        handles.append(
            Line2D(
                [], [], color=PUBLISHED, marker="D", markerfacecolor="none", linestyle="",
                label="poster, its own data and machine",
            )
        )  # fmt: skip
    if chance is not None:
        handles.append(Line2D([], [], color="#888888", linestyle=":", label="chance"))
    return handles
