"""Values of several systems over a quantity: accuracy over epochs, cost over frames."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from motionlens.report.plots.style import (
    CHANCE_LINE,
    COLOURS,
    LINE_STYLES,
    Style,
    Target,
    new_figure,
    save,
)
from motionlens.report.plots.text import readable, shortened


def draw_curves(
    curves: Mapping[str, Sequence[Sequence[float]]], path: Target, *, title: str, chance: float
) -> None:
    """Draw validation accuracy over epochs: the mean over seeds, and its range as a pale band.

    Args:
        curves: name of the system to its runs, each a list of accuracies in 0 to 1. All runs of a
            system are equally long.
        path: of the picture; the suffix names the format.
        title: above it.
        chance: accuracy of guessing, drawn as a line.

    Raises:
        OSError: If the file cannot be written.
    """
    figure, (axes,) = new_figure(7, 4)
    axes.axhline(100 * chance, **CHANCE_LINE)
    axes.text(1, 100 * chance + 1, "chance", color="#666666", fontsize=8)
    for number, (name, runs) in enumerate(curves.items()):
        values = 100 * np.array(runs)
        epochs = np.arange(1, values.shape[1] + 1)
        style = line_style(number)
        marker = "o" if len(epochs) == 1 else None
        axes.plot(epochs, values.mean(0), label=shortened(readable(name)), marker=marker, **style)
        band = values.min(0), values.max(0)
        axes.fill_between(epochs, *band, color=style["color"], alpha=0.15, linewidth=0)
    axes.set(xlabel="epoch", ylabel="validation accuracy, %", ylim=(0, 103))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(title, fontsize=11)
    figure.legend(frameon=False, loc="outside right upper", fontsize=9)
    save(figure, path)


def draw_scaling(
    costs: Mapping[str, Sequence[tuple[int, float]]], path: Target, *, title: str
) -> None:
    """Draw milliseconds over frames, both axes logarithmic.

    Args:
        costs: name of the alternative to pairs of frames and milliseconds.
        path: of the picture; the suffix names the format.
        title: above it.

    Raises:
        OSError: If the file cannot be written.
    """
    figure, (axes,) = new_figure(6, 3.6)
    for number, (name, points) in enumerate(costs.items()):
        frames, milliseconds = zip(*sorted(points), strict=True)
        axes.plot(
            frames, milliseconds, marker="o", label=shortened(readable(name)), **line_style(number)
        )
    axes.set(xscale="log", yscale="log", xlabel="frames", ylabel="milliseconds")
    ticks = sorted({frames for points in costs.values() for frames, _ in points})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_title(title, fontsize=11)
    axes.legend(frameon=False)
    save(figure, path)


def line_style(number: int) -> Style:
    """Colour and line style of a system by its number; pairs repeat only after 63 systems."""
    style = LINE_STYLES[(number + number // len(COLOURS)) % len(LINE_STYLES)]
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": style}
