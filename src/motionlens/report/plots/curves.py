"""Learning curves of several systems in one picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe-Ito, in an order of falling contrast; the line style helps where colours do not.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))


def draw_curves(
    curves: Mapping[str, Sequence[Sequence[float]]],
    path: str | os.PathLike[str],
    *,
    title: str,
    chance: float,
) -> None:
    """Draw validation accuracy over epochs: per system the mean over seeds, its range pale.

    Args:
        curves: name of the system to a list of runs, each a list of accuracies in 0 to 1; all runs
            of a system are equally long.
        path: of the picture; the ending gives the format.
        title: above it.
        chance: accuracy of guessing, drawn as a line.
    """
    figure = Figure(figsize=(7, 4), layout="constrained", dpi=130)
    ax = figure.subplots()
    ax.axhline(100 * chance, color="#888888", linewidth=0.8, zorder=0)
    ax.text(1, 100 * chance + 1, "chance", color="#666666", fontsize=8)
    for number, (name, runs) in enumerate(curves.items()):
        by_epoch = [sorted(100 * value for value in values) for values in zip(*runs, strict=True)]
        epochs = range(1, len(by_epoch) + 1)
        mean = [sum(values) / len(values) for values in by_epoch]
        colour = COLOURS[number % len(COLOURS)]
        style = STYLES[number % len(STYLES)]
        marker = "o" if len(by_epoch) == 1 else None
        ax.plot(epochs, mean, color=colour, linestyle=style, label=name, marker=marker)
        lowest, highest = [v[0] for v in by_epoch], [v[-1] for v in by_epoch]
        ax.fill_between(epochs, lowest, highest, color=colour, alpha=0.15, linewidth=0)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("validation accuracy, %")
    ax.set_ylim(0, 103)
    ax.set_title(title, fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside right upper", fontsize=9)
    figure.savefig(path)
