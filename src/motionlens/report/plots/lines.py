"""A figure of several systems over a quantity, with intervals."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from motionlens.report.plots.curves import COLOURS as FEW_COLOURS
from motionlens.report.plots.curves import STYLES

COLOURS = (*FEW_COLOURS, "#882255", "#888888")

_MARKERS = "osD^vPXh<>"


class Line(NamedTuple):
    """One system: lists of equal length.

    Attributes:
        x: the quantity, above 0.
        y: the figure.
        low: where its interval begins.
        high: where it ends.
    """

    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


def draw_lines(
    lines: Mapping[str, Line],
    path: str | os.PathLike[str],
    *,
    title: str,
    x_label: str,
    y_label: str,
    chance: float | None = None,
) -> None:
    """Draw lines over a logarithmic axis, intervals as pale bars.

    Args:
        lines: name of the system to its line.
        path: of the picture; the ending gives the format.
        title: above it.
        x_label: what the quantity is.
        y_label: what the figure is.
        chance: the figure of guessing; None if it has none.

    Raises:
        OSError: If the file cannot be written.
    """
    figure = Figure(figsize=(7.2, 4.4), layout="constrained", dpi=130)
    axes = figure.subplots()
    if chance is not None:
        axes.axhline(chance, color="#888888", linewidth=0.9, linestyle=":", zorder=0)
    ticks = sorted({x for line in lines.values() for x in line.x})
    for number, (name, line) in enumerate(lines.items()):
        # Side by side, so that bars of equal systems do not hide each other.
        shift = 1 + 0.018 * (number - (len(lines) - 1) / 2)
        order = sorted(range(len(line.x)), key=lambda i: line.x[i])
        x = [line.x[i] * shift for i in order]
        colour = COLOURS[number % len(COLOURS)]
        axes.vlines(
            x, [line.low[i] for i in order], [line.high[i] for i in order],
            color=colour, alpha=0.35, linewidth=2.5,
        )  # fmt: skip
        axes.plot(
            x, [line.y[i] for i in order],
            color=colour, linestyle=STYLES[(number + number // len(COLOURS)) % len(STYLES)],
            marker=_MARKERS[number % len(_MARKERS)], markersize=5, label=name,
        )  # fmt: skip
    if chance is not None:
        axes.text(ticks[0], chance + 1, "chance", color="#666666", fontsize=8)
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel=x_label, ylabel=y_label, ylim=(0, 103))
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside right upper", fontsize=9)
    figure.savefig(path)
