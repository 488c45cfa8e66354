"""Measured rows one below the other: mean, interval, single runs, and published values."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist

from motionlens.report.plots.style import CHANCE_LINE, COLOURS, Style, Target, new_figure, save

_ROW_INCHES = 0.34
# The kinds of marks also differ in shape and filling.
_OURS: Style = {"color": COLOURS[0], "linestyle": ""}
_MEAN: Style = {"label": "here, mean of runs", **_OURS, "marker": "o", "markersize": 6, "zorder": 4}
_RUN: Style = {"label": "one run", **_OURS, "marker": "|", "markersize": 9, "zorder": 3}
_INTERVAL: Style = {
    **{"label": "95 % interval", "color": COLOURS[0], "linewidth": 2.2, "alpha": 0.55}
}
_PUBLISHED: Style = {
    **{"label": "poster, its own data and machine", "color": COLOURS[1], "linestyle": ""},
    **{"marker": "D", "markersize": 6, "markerfacecolor": "none", "zorder": 5},
}


def draw_rows(
    cells: Sequence[Mapping[str, Any]],
    path: Target,
    *,
    title: str,
    label: str,
    published: Mapping[tuple[str, str], float],
    chance: float | None = None,
    scale: float = 1.0,
) -> None:
    """Draw a panel for each column, side by side, with the same rows.

    Args:
        cells: at least one. Each has ``row``, ``column``, ``mean``, ``values`` (one per run) and
            ``interval`` (low and high, or None).
        path: of the picture; the suffix names the format.
        title: above all panels.
        label: below each, what was measured.
        published: row and column to the value that others published.
        chance: drawn as a line; None for none.
        scale: factor on the numbers of the cells.

    Raises:
        OSError: If the file cannot be written.
    """
    rows = list(dict.fromkeys(cell["row"] for cell in cells))
    columns = list(dict.fromkeys(cell["column"] for cell in cells))
    width = 1.5 + (3.4 if len(columns) < 3 else 2.7) * len(columns)
    figure, panels = new_figure(width, 1.7 + _ROW_INCHES * len(rows), len(columns))
    for cell in cells:
        axes, place = panels[columns.index(cell["column"])], rows.index(cell["row"])
        runs = cell["values"] if len(cell["values"]) > 1 else ()
        for style, values in (_MEAN, [cell["mean"]]), (_RUN, runs), (_INTERVAL, cell["interval"]):
            if values:
                axes.plot([scale * value for value in values], [place] * len(values), **style)
        if (cell["row"], cell["column"]) in published:
            axes.plot([published[cell["row"], cell["column"]]], [place], **_PUBLISHED)
    legend: dict[str, Artist] = {}
    for axes, column in zip(panels, columns, strict=True):
        if chance is not None:
            axes.axvline(chance, label="chance", **CHANCE_LINE)
        axes.set_xlabel(label, fontsize=9)
        axes.set_title(column if len(columns) > 1 else "", fontsize=10)
        axes.grid(axis="y", color="#eeeeee", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=9)
        handles, names = axes.get_legend_handles_labels()
        legend |= dict(zip(names, handles, strict=True))
    panels[0].set_yticks(range(len(rows)), rows)
    panels[0].set_ylim(len(rows) - 0.4, -0.6)
    figure.suptitle(title, fontsize=11)
    figure.legend(
        handles=list(legend.values()),
        loc="outside lower center",
        ncols=2 if len(panels) == 1 else 4,
        frameon=False,
        fontsize=8,
    )
    save(figure, path)
