"""CSV with a line of headings: read by column names, written in one step."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from motionlens._utils.errors import one_line
from motionlens._utils.files import read_text, write_atomically


def as_csv(rows: Iterable[Sequence[Any]], separator: str = ",") -> str:
    """Rows as CSV text, the headings among them."""
    lines = []
    for row in rows:
        # A cell is quoted if it holds a character of the line's end, so that "\r" is quoted too.
        line = io.StringIO(newline="")
        csv.writer(line, delimiter=separator, lineterminator="\r\n").writerow(row)
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines)


def write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows, the first of which holds the headings.

    Raises:
        OSError: If the file cannot be written; what was there stays.
    """
    # Names of files that are no UTF-8 are written as the bytes that they are.
    write_atomically(path, as_csv(rows).encode(errors="surrogateescape"))


def read_csv(path: Path, columns: Sequence[str], *, hint: str) -> list[dict[str, str]]:
    """Read a file as one mapping of heading to cell per row.

    Args:
        path: the file, UTF-8, or as :func:`write_csv` writes it.
        columns: headings that it must have.
        hint: what to do if it cannot be used, such as ``"download it again"``.

    Raises:
        ValueError: If the file cannot be read or lacks a column, or a row has too few or too many
            cells.
    """
    text = read_text(path, hint, errors="surrogateescape")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"{path} cannot be used: {one_line(error)}; {hint}") from None
    headings = reader.fieldnames or ()
    lacking = next((name for name in columns if name not in headings), None)
    if lacking is not None:
        raise ValueError(f"{path} cannot be used: column {lacking!r} is missing; {hint}")
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise ValueError(
                f"{path} cannot be used: row {number} must have {len(headings)} cells; {hint}"
            )
    return rows
