"""Rows of CSV lists: the separator is guessed, comments and empty rows are left out."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from motionlens._utils.errors import one_line

SEPARATORS = ("\t", ";", ",")
# Stands for any number of spaces and tabs.
_SPACES = " "
# Rows by which separators are tried, and spaces are advised against.
_HEAD = 1000
# Cells of each row, with the number of its line.
Table = list[tuple[int, list[str]]]


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without empty ones and comments."""
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def read_table(
    path: Path, text: str, separator: str | None, columns: Sequence[str] | None
) -> Table:
    """All rows of CSV as cells, with the numbers of their lines.

    Args:
        path: of the file, for messages.
        text: what it holds.
        separator: between the cells; guessed if None.
        columns: names of the columns, if they are known; only then spaces may separate them.

    Raises:
        ValueError: If no separator fits, or a quotation mark is not closed.
    """
    said = re.match(r"\s*\"?sep=(.)\"?\s*$", text.partition("\n")[0])
    if said:  # Excel's own first line
        separator, text = separator or said.group(1), "\n" + text.partition("\n")[2]
    if separator == _SPACES and columns is not None:
        return _split_at_spaces(text, columns)
    if separator is not None:
        return _parse(path, text, separator)
    wanted = len(columns) if columns else 0

    def is_exact(table: Table) -> bool:
        """Whether every line has as many cells as there are names of columns."""
        return all(len(cells) == wanted for _, cells in table)

    error: ValueError | None = None
    table: Table | None = None
    for candidate in SEPARATORS:
        try:
            # One that does not fit the head is not tried on all of a long file.
            if not _has_cells(list(islice(_rows(path, text, candidate), _HEAD))):
                continue
            parsed = _parse(path, text, candidate)
        except ValueError as one:
            error = one
            continue
        # An exact one goes before others.
        if columns is not None and is_exact(parsed):
            return parsed
        if table is None and _has_cells(parsed):
            table = parsed
            if columns is None:
                return table
    if columns is not None and is_exact(_split_at_spaces(text, columns, _HEAD)):
        by_spaces = _split_at_spaces(text, columns)
        if is_exact(by_spaces):
            return by_spaces
    if table is not None:
        return table
    if error is not None and '"' in text:
        raise error
    raise ValueError(
        f"{path}: must have a comma, semicolon or tab between path and label in every line, it "
        f"has not; {_advice_for_spaces(text)}"
    )


def _has_cells(table: Table) -> bool:
    return all(len(cells) > 1 for _, cells in table)


def _parse(path: Path, text: str, separator: str) -> Table:
    """All rows of CSV."""
    table = list(_rows(path, text, separator))
    if not table:
        raise ValueError(f"{path}: names no video; write one a line, as path,label")
    return table


def _rows(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """CSV as cells; quotes may hold separators, line ends and a first ``#``."""
    at_start = True

    def lines() -> Iterator[str]:
        nonlocal at_start
        for line in io.StringIO(text, newline=""):
            # The reader takes further lines while it is inside of quotes.
            is_comment = at_start and line.lstrip().startswith("#")
            at_start = False
            yield "\n" if is_comment else line

    reader = csv.reader(lines(), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
            at_start = True
    except csv.Error as error:
        raise ValueError(
            f"{path}: line {reader.line_num}: {one_line(error)}; close every quotation mark, and "
            "double one that belongs to a name"
        ) from None


def _split_at_spaces(text: str, columns: Sequence[str], most_lines: int | None = None) -> Table:
    """Lines split at spaces; of ``path`` in the first column these are a part."""
    split, most = (str.rsplit if columns[0] == "path" else str.split), len(columns) - 1
    lines = islice(numbered_lines(text), most_lines)
    return [(number, split(line.strip(), None, most)) for number, line in lines]


def _advice_for_spaces(text: str) -> str:
    rows = [line.split() for _, line in islice(numbered_lines(text), _HEAD)]
    if all(len(row) == 3 and row[1].isdecimal() for row in rows):
        return (
            "if a line is path, number of frames and label, as for TSN and mmaction2, add "
            "--listing.columns path,num_frames,label"
        )
    if all(len(row) > 1 for row in rows):
        return "where spaces separate them, add --listing.columns path,label"
    return "give the separator"
