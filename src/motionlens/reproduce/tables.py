"""The table of an experiment in Markdown: ours, and beside it what the poster printed."""

from __future__ import annotations

from collections.abc import Sequence

from motionlens.reproduce.outcomes import Measured, Outcome
from motionlens.reproduce.poster import Figures, PosterTable

# More columns of the poster than this get a table of their own.
_MOST_BESIDE = 3


def markdown_tables(outcome: Outcome, poster: Sequence[PosterTable], *, percent: bool) -> str:
    """The table; the poster's figures stand beside ours, or below if there are too many.

    Args:
        outcome: what came out.
        poster: the poster's tables, with the same names of rows.
        percent: whether values are accuracies in 0 to 1, to be shown in percent.
    """
    beside = [table for table in poster if len(table.columns) <= _MOST_BESIDE]
    below = [table for table in poster if len(table.columns) > _MOST_BESIDE]
    columns = _distinct([cell.column for cell in outcome.cells])
    rows = _ordered(_distinct([cell.row for cell in outcome.cells]), beside)
    cells = {(cell.row, cell.column): cell for cell in outcome.cells}
    has_size = bool(outcome.parameters)
    heads = ["", *(["parameters"] if has_size else []), *columns]
    heads += [f"poster: {column}" for table in beside for column in table.columns]
    if any(table.parameters for table in beside):
        heads.append("poster: parameters")
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)]]
    for row in rows:
        line = [row]
        if has_size:
            size = outcome.parameters.get(row)
            line.append("" if size is None else _millions(size))
        line += [cell_text(cells.get((row, column)), percent=percent) for column in columns]
        for table in beside:
            line += _poster_cells(table, row)
        if any(table.parameters for table in beside):
            sizes = [t.parameters[row] for t in beside if t.parameters and row in t.parameters]
            line.append(f"{sizes[0]:.1f} M" if sizes else "")
        lines.append(line)
    parts = [_joined(lines)]
    for table in below:
        lines = [["", *table.columns], ["---", *["--:"] * len(table.columns)]]
        lines += [[row, *_poster_cells(table, row)] for row in table.rows]
        parts.append(f"The poster's table {table.title}; blank is what cannot be read:\n")
        parts.append(_joined(lines))
    return "\n".join(parts)


def cell_text(cell: Measured | None, *, percent: bool) -> str:
    """A cell: mean ± deviation over seeds, the interval over videos, then top-5."""
    if cell is None:
        return ""
    scale = 100 if percent else 1
    text = f"{scale * cell.mean:.1f}"
    if cell.deviation is not None:
        text += f" ± {scale * cell.deviation:.1f}"
    if cell.interval is not None:
        text += f" ({scale * cell.interval.low:.1f} to {scale * cell.interval.high:.1f})"
    if cell.top5 is not None:
        text += f" / {scale * cell.top5:.1f}"
    return text


def figures_text(figures: Figures, decimals: int = 1) -> str:
    """The poster's figures, ``56.9 / 79.5``; blank where they cannot be read or are not given."""
    if all(figure is None for figure in figures):
        return ""
    texts = ("" if figure is None else f"{figure:.{decimals}f}" for figure in figures)
    return " / ".join(texts).strip()


def _ordered(ours: Sequence[str], poster: Sequence[PosterTable]) -> list[str]:
    """Rows in the poster's order if it has all of ours; else ours first."""
    for table in poster:
        if set(ours) <= set(table.rows):
            ours = list(table.rows)
    return _distinct([*ours, *(row for table in poster for row in table.rows)])


def _poster_cells(table: PosterTable, row: str) -> list[str]:
    if row not in table.rows:
        return [""] * len(table.columns)
    return [figures_text(figures, table.decimals) for figures in table.rows[row]]


def _joined(lines: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} M" if parameters >= 1e5 else f"{parameters:,}"


def _distinct(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))
