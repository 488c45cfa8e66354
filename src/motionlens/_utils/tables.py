"""One way to make a table: for the terminal, and as Markdown for files."""

import io
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from motionlens._utils.errors import printable

# Wider than any table: text that is not shown on a terminal is never folded.
_NATURAL_WIDTH = 100_000
# Words such as paths may be folded within where they are longer.
_FOLDED_FROM = 16
_NUMBER = re.compile(r"^\W{0,2}\d[\d.,:;x/e+-]*\W{0,2}$")


class Output(Console):
    """Standard output, as wide as the terminal; where there is none nothing is folded or cut."""

    def __init__(self) -> None:
        if sys.stdout.isatty():
            super().__init__(highlight=False, markup=False)
        else:
            # Given width and height, rich asks neither for a terminal's size nor for its kind.
            super().__init__(highlight=False, markup=False, width=_NATURAL_WIDTH, height=25)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; the title of a table is a line of its own, rich would fold it to the table.

        A table that is too wide has its text folded between words; where that does not suffice,
        its rows are written as records, one line per cell. A number is never folded or cut.
        """
        for table in objects:
            if not isinstance(table, Table):
                text = printable(table, keep="\n") if isinstance(table, str) else table
                super().print(text, **options)
                continue
            if table.title is not None:
                super().print(table.title)
                table.title = None
            if _fit(table, self.width):
                super().print(table, **options)
            else:
                self._print_records(table)

    def print_fields(self, fields: Iterable[tuple[str, str]]) -> None:
        """Print names and values, one pair a line; long values are folded beside their names."""
        fields = list(fields)
        grid = Table.grid(padding=(0, 2))
        width = max(cell_len(name) for name, _ in fields)
        grid.add_column(width=width, no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in fields:
            grid.add_row(Text(name), Text(printable(value, keep="\n")))
        with self.capture() as captured:  # rich fills every line with spaces
            super().print(grid)
        lines = "\n".join(line.rstrip() for line in captured.get().splitlines())
        super().print(Text(lines), soft_wrap=True)

    def print_markdown(self, text: str) -> None:
        """Print Markdown as it is, but tables that are wider than the terminal like others."""
        for is_table, lines in groupby(text.splitlines(), lambda line: line.startswith("|")):
            rows = list(lines)
            if not is_table or max(map(cell_len, rows)) <= self.width:
                super().print("\n".join(rows), soft_wrap=True)
                continue
            cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
            left = [place for place, mark in enumerate(cells[1]) if not mark.endswith(":")]
            self.print(console_table(cells[0], cells[2:], left=left))

    def _print_records(self, table: Table) -> None:
        headings = [_plain(column.header) for column in table.columns]
        for row in zip(*(column.cells for column in table.columns), strict=True):
            cells = [(name, _plain(cell)) for name, cell in zip(headings, row, strict=True)]
            super().print()
            self.print_fields((name, cell) for name, cell in cells if cell not in ("", "."))

    def on_broken_pipe(self) -> None:
        """Leave it to the command; rich would end the process with status 1."""
        raise BrokenPipeError


def _fit(table: Table, width: int) -> bool:
    """Give a table's columns widths that fold no number and no heading; whether there are any."""
    if sum(map(_natural_width, table.columns)) + 3 * len(table.columns) + 1 <= width:
        return True
    widths = list(map(_natural_width, table.columns))
    least = [min(each) for each in zip(map(_least_width, table.columns), widths, strict=True)]
    for chrome, box_ in ((3 * len(widths) + 1, table.box), (2 * len(widths), box.SIMPLE_HEAD)):
        if sum(least) + chrome <= width:
            table.box = box_
            break
    else:
        return False
    if table.box is box.SIMPLE_HEAD:  # without borders a column takes one less
        table.padding = (0, 1, 0, 0)
        table.show_edge, table.pad_edge = False, False
    while sum(widths) + chrome > width:
        _, widest = max((have, place) for place, have in enumerate(widths) if have > least[place])
        widths[widest] -= 1
    for column, chosen in zip(table.columns, widths, strict=True):
        column.width = chosen
    return True


def _natural_width(column: Column) -> int:
    lines = (line for cell in _texts(column) for line in cell.splitlines() or [""])
    return max(map(cell_len, lines))


def _least_width(column: Column) -> int:
    """What a column needs so that no number, no heading and no short cell is folded in a word."""
    words = [word for cell in _texts(column)[1:] for word in cell.split()] or [""]
    heading = [cell_len(word) for word in _plain(column.header).split()]
    numbers = [cell_len(word) for word in words if _NUMBER.search(word)]
    others = [min(cell_len(word), _FOLDED_FROM) for word in words]
    cells = [cell_len(cell) for cell in _texts(column)[1:]]
    if column.justify == "right" and max(cells, default=0) <= _FOLDED_FROM:
        return max(heading + cells)
    return max(heading + numbers + others)


def _texts(column: Column) -> list[str]:
    """A column's heading and cells."""
    return [_plain(column.header), *map(_plain, column.cells)]


def _plain(cell: Any) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def console_table(
    headings: Sequence[str | Text],
    rows: Iterable[Sequence[str | Text]],
    *,
    title: str | None = None,
    left: Collection[int] = (0,),
) -> Table:
    """A table to be printed on :class:`Output`; long cells are folded on a narrow terminal.

    Args:
        headings: of the columns.
        rows: cells as text, as many per row as there are headings.
        title: above the table.
        left: columns aligned to the left; the others are aligned to the right.
    """
    table = Table(title=title)
    for column, heading in enumerate(headings):
        table.add_column(heading, justify="left" if column in left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(printable(c, keep="\n") if isinstance(c, str) else c for c in row))
    return table


def markdown_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: Collection[int] = (0,)
) -> str:
    """A Markdown table, one line per row, padded so that it also reads well as plain text.

    Args:
        headings: of the columns.
        rows: cells as text; ``|`` is escaped, a line break becomes a space.
        left: columns aligned to the left; the others are aligned to the right.

    Returns:
        The lines, each with a line break.

    Example:
        >>> print(markdown_table(["part", "videos"], [["train", "9,537"], ["test", "12"]]), end="")
        | part  | videos |
        |-------|-------:|
        | train |  9,537 |
        | test  |     12 |
    """
    cells = ([_markdown_cell(cell) for cell in row] for row in rows)
    table = console_table([_markdown_cell(heading) for heading in headings], cells, left=left)
    table.box = box.MARKDOWN
    for column in table.columns:
        column.no_wrap, column.min_width = True, 3
    text = io.StringIO()
    Console(file=text, width=_NATURAL_WIDTH, color_system=None).print(table)
    head, rule, *body = (line for line in text.getvalue().splitlines() if line.strip())
    # rich draws the rule without the colons that tell a reader of Markdown how to align.
    marks = [
        mark if column in left else f"{mark[:-1]}:"
        for column, mark in enumerate(rule.strip("|").split("|"))
    ]
    return "".join(f"{line}\n" for line in (head, f"|{'|'.join(marks)}|", *body))


def _markdown_cell(text: str) -> Text:
    return Text(" ".join(text.splitlines()).replace("|", "\\|"))
