"""How the cost of alternatives grows with the number of frames."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from motionlens.report.plots.curves import COLOURS, STYLES


def draw_scaling(
    costs: Mapping[str, Sequence[tuple[int, float]]],
    path: str | os.PathLike[str],
    *,
    title: str,
) -> None:
    """Draw milliseconds against frames, both logarithmic.

    Args:
        costs: alternative to pairs of frames and milliseconds.
        path: of the picture; its suffix chooses the format.
        title: above it.

    Raises:
        OSError: If the file cannot be written.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    frames = sorted({count for points in costs.values() for count, _ in points})
    for number, (label, points) in enumerate(costs.items()):
        x, y = zip(*sorted(points), strict=True)
        style, colour = STYLES[number % len(STYLES)], COLOURS[number % len(COLOURS)]
        axes.plot(x, y, marker="o", label=label, linestyle=style, color=colour)
    axes.set(xscale="log", yscale="log", xlabel="frames", ylabel="milliseconds", title=title)
    axes.set_xticks(frames, [str(count) for count in frames])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)
