"""One way to make a table: for the terminal, and as Markdown for files."""

import io
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from motionlens._utils.errors import printable

# Wider than any table: text that is not shown on a terminal is never folded.
_NATURAL_WIDTH = 100_000


class Output(Console):
    """Standard output, as wide as the terminal; where there is none nothing is folded or cut."""

    def __init__(self) -> None:
        if sys.stdout.isatty():
            super().__init__(highlight=False, markup=False)
        else:
            # Given width and height, rich asks neither for a terminal's size nor for its kind.
            super().__init__(highlight=False, markup=False, width=_NATURAL_WIDTH, height=25)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; the title of a table is a line of its own, rich would fold it to the table."""
        for table in objects:
            if isinstance(table, Table) and table.title is not None:
                super().print(table.title)
                table.title = None
        safe = (printable(o, keep="\n") if isinstance(o, str) else o for o in objects)
        super().print(*safe, **options)

    def on_broken_pipe(self) -> None:
        """Leave it to the command; rich would end the process with status 1."""
        raise BrokenPipeError


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
