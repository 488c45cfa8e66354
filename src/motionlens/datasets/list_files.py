"""Lists of videos as files: CSV with almost any separator, JSON lines."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from motionlens.clips.video_index import LABEL_SEPARATOR, ListEntry

_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_SEPARATORS = ("\t", ";", ",")

# What published lists call their columns.
_HEADERS = {
    "path": {"path", "video", "video_path", "file", "filename", "id", "video_id", "youtube_id"},
    "label": {"label", "class", "class_name", "category"},
    "start": {"start", "start_s", "start_time", "time_start"},
    "end": {"end", "end_s", "end_time", "time_end"},
}
_COLUMNS = tuple(_HEADERS)


def read_list(
    path: Path, separator: str | None = None, *, labelled: bool = True
) -> list[ListEntry]:
    """Read a list of videos.

    CSV has the columns path, label and, if wanted, start and end in seconds; or a first line
    naming its columns, in any order, among others that are passed over. JSON lines hold an object
    a line, with the keys path, label, start, end. Which of the two it is, is seen from the text.

    Args:
        path: the file, UTF-8.
        separator: one character between the columns of CSV; guessed among comma, semicolon and
            tab if None.
        labelled: every line must have a label; else it may be empty.

    Returns:
        The entries in the order of the file, at least one.

    Raises:
        ValueError: If the file cannot be read, is empty, or a line of it makes no sense.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ValueError(f"{path}: cannot be read as a list of videos ({reason})") from error
    lines = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise ValueError(f"{path}: names no video; write one a line, as path,label")
    is_json = path.suffix.lower() in _JSON_SUFFIXES or lines[0][1].lstrip().startswith("{")
    rows = _json_rows(path, lines) if is_json else _csv_rows(path, lines, separator)
    entries = [_entry(f"{path}: line {number}", row, labelled) for number, row in rows]
    if not entries:
        raise ValueError(f"{path}: names no video below its header; write one a line")
    return entries


Rows = Iterator[tuple[int, dict[str, Any]]]


def _json_rows(path: Path, lines: Sequence[tuple[int, str]]) -> Rows:
    for number, line in lines:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path}: line {number} must be one JSON object, it is not ({error.msg}); write "
                'for example {"path": "a.mp4", "label": "left"}'
            ) from error
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}: line {number} must be one JSON object, got a {type(row).__name__}; write "
                'for example {"path": "a.mp4", "label": "left"}'
            )
        yield number, row


def _csv_rows(path: Path, lines: Sequence[tuple[int, str]], separator: str | None) -> Rows:
    if separator is not None and len(separator) != 1:
        raise ValueError(f"separator must be one character, got {separator!r}")
    separator = separator or _guess_separator(path, [line for _, line in lines])
    table = [(n, _split(line, separator)) for n, line in lines]
    header = _header([cell.lower() for cell in table[0][1]])
    most = len(_COLUMNS)
    if header is not None:
        most = len(table[0][1])
        table = table[1:]
    width = max(header.values()) + 1 if header is not None else 2
    for number, cells in table:
        if header is not None and len(cells) > most:
            raise ValueError(
                f"{path}: line {number} has {len(cells)} columns, but the first line names {most}; "
                f"put quotes around a label that holds {separator!r}"
            )
        if len(cells) < width or len(cells) > most:
            wanted = f"{width}" if header is not None else "2 to 4"
            raise ValueError(
                f"{path}: line {number} must have {wanted} columns (path, label, start, end), got "
                f"{len(cells)}; correct it or name the columns in a first line"
            )
        names = header or {name: i for i, name in enumerate(_COLUMNS[: len(cells)])}
        yield number, {name: cells[i] for name, i in names.items()}


def _split(line: str, separator: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]


def _guess_separator(path: Path, lines: Sequence[str]) -> str:
    for separator in _SEPARATORS:
        if all(len(_split(line, separator)) > 1 for line in lines):
            return separator
    raise ValueError(
        f"{path}: must have a comma, semicolon or tab between path and label in every line, it "
        "has not; give the separator"
    )


def _header(cells: Sequence[str]) -> dict[str, int] | None:
    """Column of each field, if these cells name a path and a label column."""
    found = {
        field: i
        for field, names in _HEADERS.items()
        for i, cell in enumerate(cells)
        if cell in names
    }
    return found if {"path", "label"} <= found.keys() else None


def _entry(where: str, row: dict[str, Any], labelled: bool) -> ListEntry:
    for name in ("path", "label"):
        value = row.get(name)
        if name == "label" and value in (None, "") and not labelled:
            continue
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise ValueError(f"{where} must have a {name}, got {value!r}; add it")
    label = str(row.get("label") or "")
    if label and not all(part.strip() for part in label.split(LABEL_SEPARATOR)):
        raise ValueError(f"{where} must have a class on either side of each |, got {label!r}")
    start_s, end_s = (_seconds(where, name, row.get(name)) for name in ("start", "end"))
    if start_s >= end_s:
        raise ValueError(f"{where}: start must come before end, got {start_s:g} and {end_s:g}")
    return ListEntry(str(row["path"]), label, start_s, end_s)


def _seconds(where: str, name: str, value: Any) -> float:
    if value is None or value == "":
        return math.nan
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{where}: {name} must be seconds of at least 0, got {value!r}")
    return seconds
