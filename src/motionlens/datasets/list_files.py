"""Read lists of videos: CSV with almost any separator, JSON lines, or one JSON array."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from motionlens._utils.files import read_text
from motionlens.clips.video_index import LABEL_SEPARATOR, ListEntry

_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_SEPARATORS = ("\t", ";", ",")

# Headings of published lists.
_HEADINGS = {
    "path": {"path", "video", "video_path", "file", "filename", "id", "video_id", "youtube_id"},
    "label": {"label", "class", "class_name", "category", "template"},
    "start": {"start", "start_s", "start_time", "time_start"},
    "end": {"end", "end_s", "end_time", "time_end"},
}

# Where a row is, such as "line 3", and its cells by the name of the column.
Rows = Iterator[tuple[str, dict[str, Any]]]


def read_list(
    path: Path,
    separator: str | None = None,
    *,
    pattern: str = "{}",
    labelled: bool = True,
    columns: Sequence[str] = tuple(_HEADINGS),
) -> list[ListEntry]:
    """Read a list of videos.

    CSV has the columns path, label and, if wanted, start and end in seconds; or a first line that
    names its columns, in any order, among others that are ignored. JSON lines hold one object per
    line, with the keys path, label, start, end; a JSON array holds such objects. Which it is shows
    in the text or the suffix. The headings of published lists, such as ``youtube_id``, are known.

    Args:
        path: the file, UTF-8.
        separator: one character between the columns of CSV; guessed among comma, semicolon and
            tab if None.
        pattern: makes a path of the first column, such as ``videos/{}.mp4``; holds ``{}`` once.
        labelled: every line must have a label; else it may be empty.
        columns: of CSV whose first line does not name them.

    Returns:
        The entries in the order of the file, at least one.

    Raises:
        ValueError: If the file cannot be read, is empty, or has an invalid line.
    """
    lines = _numbered_lines(path)
    is_json = path.suffix.lower() in _JSON_SUFFIXES or lines[0][1].lstrip().startswith("{")
    if is_json:
        rows = _json_rows(path, lines)
    else:
        if separator is None:
            separator = _guess_separator(path, [line for _, line in lines])
        rows = _csv_rows(path, lines, separator, columns, num_needed=2 if labelled else 1)
    entries = [_entry(f"{path}: {where}", row, labelled) for where, row in rows]
    if not entries:
        raise ValueError(f"{path}: names no video below its header; write one a line")
    return [entry._replace(path=pattern.replace("{}", entry.path)) for entry in entries]


def read_ids(path: Path) -> list[ListEntry]:
    """Read a list with ``id;label`` or ``id`` on each line, or with a first line of headings.

    Returns:
        Number of each video, as its path, and its label, which is empty where the list has none.

    Raises:
        ValueError: If the file cannot be read, is empty, or has an invalid line.
    """
    # Names of classes hold commas, so a semicolon decides.
    separator = ";" if ";" in _numbered_lines(path)[0][1] else ","
    return read_list(path, separator, labelled=False, columns=("path", "label"))


def _numbered_lines(path: Path) -> list[tuple[int, str]]:
    text = read_text(path, "name a list of videos")
    lines = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise ValueError(f"{path}: names no video; write one a line, as path,label")
    return lines


def _json_rows(path: Path, lines: Sequence[tuple[int, str]]) -> Rows:
    kind = "line"
    if lines[0][1].lstrip().startswith("["):
        kind, whole = "video", _load_json(path, "", "\n".join(line for _, line in lines))
        rows: Iterable[tuple[int, Any]] = enumerate(whole, start=1)
    else:
        rows = ((number, _load_json(path, f"line {number} ", line)) for number, line in lines)
    for number, row in rows:
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}: {kind} {number} must be one JSON object, got a {type(row).__name__}; "
                'write for example {"path": "a.mp4", "label": "left"}'
            )
        columns = {name: key for key in row for name, h in _HEADINGS.items() if key.lower() in h}
        yield f"{kind} {number}", {name: row[key] for name, key in columns.items()}


def _load_json(path: Path, where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: {where}must be JSON, it is not ({error.msg}); correct it"
        ) from None


def _csv_rows(
    path: Path,
    lines: Sequence[tuple[int, str]],
    separator: str,
    columns: Sequence[str],
    num_needed: int,
) -> Rows:
    """Rows by the names of their columns.

    Args:
        path: of the file, for messages.
        lines: its lines with their numbers.
        separator: between the columns.
        columns: their names in this order, unless the first line names them.
        num_needed: how many of them there must be; a first line that names these is a header.
    """
    if len(separator) != 1:
        raise ValueError(f"separator must be one character, got {separator!r}")
    table = [(number, _split(line, separator)) for number, line in lines]
    first = table[0][1]
    places = {
        column: place
        for column in columns
        for place, cell in enumerate(first)
        if cell.lower() in _HEADINGS[column]
    }
    has_header = all(column in places for column in columns[:num_needed])
    if has_header:
        table = table[1:]
        least, most = max(places.values()) + 1, len(first)
    else:
        places = {column: place for place, column in enumerate(columns)}
        least, most = num_needed, len(columns)
    for number, cells in table:
        if has_header and len(cells) > most:
            raise ValueError(
                f"{path}: line {number} has {len(cells)} columns, but the first line names {most}; "
                f"put quotes around a label that holds {separator!r}"
            )
        if not least <= len(cells) <= most:
            wanted = f"{least}" if has_header else f"{least} to {most}"
            raise ValueError(
                f"{path}: line {number} must have {wanted} columns ({', '.join(columns)}), got "
                f"{len(cells)}; correct it or name the columns in a first line"
            )
        yield f"line {number}", {name: cells[n] for name, n in places.items() if n < len(cells)}


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
