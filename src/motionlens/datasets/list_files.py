"""Read lists of videos: CSV with almost any separator, JSON lines, or one JSON array."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from motionlens._utils.errors import first_three, nearest, one_line
from motionlens._utils.files import parse_json, read_text
from motionlens.clips.video_index import LABEL_SEPARATOR, ListEntry, normal_name
from motionlens.datasets.list_tables import SEPARATORS, Table, numbered_lines, read_table
from motionlens.datasets.look_alikes import warn_of_decimals, warn_of_spellings

_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})

# Headings of published lists. Of two in one list the first counts: Something-Something's label is a
# sentence about one video, its template is the class.
_HEADINGS = {
    "path": (
        "path", "video_path", "file_path", "filepath", "video", "file", "filename", "file_name",
        "id", "video_id", "youtube_id",
    ),
    "label": ("template", "label", "class", "class_name", "category"),
    "start": ("start", "start_s", "start_time", "time_start"),
    "end": ("end", "end_s", "end_time", "time_end"),
}  # fmt: skip
_COLUMNS = tuple(_HEADINGS)
# What programs write where a value is missing. No class has such a name.
_MISSING_VALUES = frozenset({"nan", "null", "<na>", "n/a", "#n/a"})

# Where a row is, such as "line 3", and its cells by the name of the column.
Rows = Iterator[tuple[str, dict[str, Any]]]


def read_list(
    path: Path,
    separator: str | None = None,
    *,
    pattern: str = "{}",
    labelled: bool = True,
    columns: Sequence[str] | None = None,
    group: str | None = None,
    has_background: bool = False,
) -> list[ListEntry]:
    """Read a list of videos.

    CSV has the columns path, label and, if wanted, start and end; or a first line that names its
    columns, in any order, among others that are ignored. JSON lines hold one object per line, with
    the keys path, label, start, end; a JSON array holds such objects. Which it is shows in the text
    or the suffix. The headings of published lists, such as ``youtube_id``, are known. Times are
    seconds, such as 62.5, or ``1:02.5``. Lines that begin with ``#`` are comments, unless the ``#``
    stands in quotes.

    Args:
        path: the file, UTF-8, or UTF-16 with its mark.
        separator: one character between the columns of CSV; guessed among comma, semicolon and
            tab if None, and spaces if ``columns`` are given.
        pattern: makes a path of the first column, such as ``videos/{}.mp4``; holds ``{}`` once.
        labelled: every line must have a label; else it may be empty.
        columns: of CSV whose first line does not name them; names other than path, label, start,
            end and ``group`` are ignored. By default those four, of which the last two may lack.
        group: heading or key of the column that holds the group of a video; None for no groups.
        has_background: a row that has neither label nor start and end is a video without an
            action.

    Returns:
        The entries in the order of the file, at least one.

    Raises:
        ValueError: If the file cannot be read, is empty, or has an invalid line.
    """
    text = read_text(path, "name a list of videos")
    first = next((line for _, line in numbered_lines(text)), None)
    if first is None:
        raise ValueError(f"{path}: names no video; write one a line, as path,label")
    headings = _HEADINGS if group is None else {**_HEADINGS, "group": (group.lower(),)}
    looks_like_json = re.match(r"\s*(\{|\[\s*(\{|$))", first) is not None
    if path.suffix.lower() in _JSON_SUFFIXES or looks_like_json:
        rows = _json_rows(path, text, headings)
    else:
        rows = _csv_rows(path, text, separator, columns, headings, labelled)
    found = list(rows)
    labels = (row.get("label") for _, row in found)
    parts = (label.split(LABEL_SEPARATOR) for label in labels if isinstance(label, str))
    names = [*map(str.strip, chain.from_iterable(parts))]
    warn_of_spellings(path, names)
    warn_of_decimals(path, names)
    entries = []
    for where, row in found:
        is_empty = has_background and all(
            row.get(name) in (None, "") for name in ("label", "start", "end")
        )
        entries.append(_entry(f"{path}: {where}", row, labelled and not is_empty, group))
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
    first = next((line for _, line in numbered_lines(read_text(path, "name a list of videos"))), "")
    separator = ";" if ";" in first else ","
    return read_list(path, separator, labelled=False, columns=("path", "label"))


def _json_rows(path: Path, text: str, headings: dict[str, tuple[str, ...]]) -> Rows:
    kind, lines = "line", list(numbered_lines(text))
    if lines[0][1].lstrip().startswith("["):
        kind, whole = "video", _load_json(path, "", "".join(line for _, line in lines))
        rows: Iterable[tuple[int, Any]] = enumerate(whole, start=1)
    else:
        rows = ((number, _load_json(path, f"line {number} ", line)) for number, line in lines)
    for number, row in rows:
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}: {kind} {number} must be one JSON object, got a {type(row).__name__}; "
                'write for example {"path": "a.mp4", "label": "left"}'
            )
        keys = [str(key) for key in row]
        places = _places(keys, headings)
        if "path" not in places:
            raise ValueError(
                f"{path}: {kind} {number} must have the keys path and label, it has "
                f"{first_three(keys) or 'none'}; write one object a video, such as "
                '{"path": "a.mp4", "label": "left"}; objects of path: label are not read'
            )
        _check_group(path, keys, places, headings)
        values = list(row.values())
        yield f"{kind} {number}", {name: values[place] for name, place in places.items()}


def _check_group(
    path: Path, names: Sequence[str], places: dict[str, int], headings: dict[str, tuple[str, ...]]
) -> None:
    """Refuse a column of groups that is not there."""
    if "group" in headings and "group" not in places:
        group = headings["group"][0]
        raise ValueError(
            f"{path}: has no column {group}, and there is no file of that name, for listing.group"
            f"{nearest(group, names)}; the columns are {', '.join(names)}"
        )


def _load_json(path: Path, where: str, text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError as error:
        reason = getattr(error, "msg", None) or one_line(error)
        raise ValueError(
            f"{path}: {where}must be JSON, it is not ({reason}); write one object a line, or "
            "one array of objects"
        ) from None


def _places(cells: Sequence[str], headings: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """In which cell each column's heading stands; the first of the headings that is there."""
    lower = [cell.strip().lower() for cell in cells]
    found = ((name, next((h for h in known if h in lower), "")) for name, known in headings.items())
    return {name: lower.index(heading) for name, heading in found if heading}


def _csv_rows(
    path: Path,
    text: str,
    separator: str | None,
    columns: Sequence[str] | None,
    headings: dict[str, tuple[str, ...]],
    labelled: bool,
) -> Rows:
    """Rows by the names of their columns, see :func:`read_list`."""
    if separator is not None and len(separator) != 1:
        raise ValueError(f"separator must be one character, got {separator!r}")
    table = read_table(path, text, separator, columns)
    first = table[0][1]
    names = [_column(name, headings) for name in columns or _COLUMNS]
    needed = ("path", "label") if labelled else ("path",)
    places = {n: p for n, p in _places(first, headings).items() if columns is None or n in names
              or n == "group"}  # fmt: skip
    has_header = all(name in places for name in needed)
    if has_header:
        for place in places.values():
            if first.count(first[place]) > 1:
                raise ValueError(
                    f"{path}: the first line must name each column once, it names {first[place]} "
                    "several times; rename the others"
                )
        _check_group(path, first, places, headings)
        table = table[1:]
        least, most = max(places.values()) + 1, len(first)
    else:
        _check_no_header(path, first, places, columns)
        if columns is None:
            _check_no_frame_counts(path, table)
            _check_no_times_first(path, table)
        places = {name: place for place, name in enumerate(names) if name in headings}
        least, most = max(places[name] for name in needed) + 1, len(names)
    for number, cells in table:
        if len(cells) > most and not any(cells[most:]):
            cells = cells[:most]
        if has_header and len(cells) > most:
            raise ValueError(
                f"{path}: line {number} has {len(cells)} columns, but the first line names {most}; "
                f"put quotes around a label that holds {_sign_of(text, number, separator)!r}"
            )
        if not least <= len(cells) <= most:
            wanted = f"{least}" if has_header else f"{least} to {most}"
            raise ValueError(
                f"{path}: line {number} must have {wanted} columns ({', '.join(names)}), got "
                f"{len(cells)}; correct it or name the columns in a first line"
            )
        yield f"line {number}", {name: cells[n] for name, n in places.items() if n < len(cells)}


def _sign_of(text: str, number: int, separator: str | None) -> str:
    """The separator of a line that has too many of them."""
    line = text.splitlines()[number - 1]
    return separator or max(SEPARATORS, key=line.count)


def _column(name: str, headings: dict[str, tuple[str, ...]]) -> str:
    """Which column a heading stands for; itself if for none of ours."""
    return next((column for column, known in headings.items() if name.lower() in known), name)


def _check_no_header(
    path: Path, first: Sequence[str], places: dict[str, int], columns: Sequence[str] | None
) -> None:
    """Refuse a first line that names the path and lacks the label: it is no video."""
    if columns is None and len(first) > 1 and first[places.get("path", 0)].lower() in (
        "path", "video_path", "file_path", "filepath", "filename", "file_name", "video_id",
        "youtube_id",
    ):  # fmt: skip
        raise ValueError(
            f"{path}: the first line must name path and label, it names {', '.join(first)}; call "
            "the column of the class label"
        )


def _check_no_frame_counts(path: Path, table: Table) -> None:
    """Refuse ``dir num_frames label``: numbers of frames would be taken for classes."""

    def fits(cells: list[str]) -> bool:
        # A number of frames, then a class: its number, or a name that is no time.
        if len(cells) != 3 or not cells[1].isdecimal():
            return False
        return cells[2].isdecimal() or (cells[2] != "" and _seconds_of(cells[2]) is None)

    if all(fits(cells) for _, cells in table):
        raise ValueError(
            f"{path}: lines such as {' '.join(table[0][1])!r} may mean path, number of frames and "
            "label, as for TSN and mmaction2; add --listing.columns path,num_frames,label, or "
            "path,label,start if that is meant"
        )


def _check_no_times_first(path: Path, table: Table) -> None:
    """Refuse ``path start end label`` without headings: starts would be taken for classes."""

    def fits(cells: list[str]) -> bool:
        times = [_seconds_of(cell) for cell in cells[1:3]]
        return len(cells) == 4 and None not in times and _seconds_of(cells[3]) is None

    if fits(table[0][1]):
        raise ValueError(
            f"{path}: lines such as {' '.join(table[0][1])!r} seem to be path, start, end and "
            "label; add --listing.columns path,start,end,label, or name the columns in a first line"
        )


def _entry(where: str, row: dict[str, Any], labelled: bool, group: str | None) -> ListEntry:
    path, label = (_cell(where, name, row.get(name)) for name in ("path", "label"))
    if not path:
        raise ValueError(f"{where} must have a path, got {row.get('path')!r}; add it")
    if not label and labelled:
        raise ValueError(
            f"{where} must have a label, got {row.get('label')!r}; add it, or for a video without "
            "any action leave start and end empty too and say --listing.background NAME"
        )
    if label.lower() in _MISSING_VALUES or label == "None":
        raise ValueError(
            f"{where} must have a label, got {label!r}, which stands for a missing one; add it or "
            "remove the line, or name the class otherwise"
        )
    names = [normal_name(part) for part in label.split(LABEL_SEPARATOR)]
    if label and not all(names):
        raise ValueError(f"{where} must have a class on either side of each |, got {label!r}")
    start_s, end_s = (_seconds(where, name, row.get(name)) for name in ("start", "end"))
    if start_s >= end_s:
        raise ValueError(
            f"{where}: start must come before end, got {start_s:g} and {end_s:g}; correct them, or "
            "say with --listing.columns what the columns are"
        )
    of_group = normal_name(_cell(where, "group", row.get("group")))
    if group is not None and not of_group:
        raise ValueError(
            f"{where} must name its {group}, which listing.group says holds the group; add it, or "
            "give a pattern with brackets, such as '(person[0-9]+)_'"
        )
    return ListEntry(path, LABEL_SEPARATOR.join(names), start_s, end_s, of_group)


def _cell(where: str, name: str, value: Any) -> str:
    """Text or a whole number as text; empty if there is nothing."""
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(
            f"{where} must have a {name}, got {value!r}; write it as text or a whole number"
            f"{', several as one|other' if isinstance(value, list) else ''}"
        )
    text = str(value)
    return text if name == "path" else text.strip()


def _seconds(where: str, name: str, value: Any) -> float:
    if value is None or value == "":
        return math.nan
    seconds = None if isinstance(value, bool) else _seconds_of(str(value))
    if seconds is None:
        raise ValueError(
            f"{where}: {name} must be seconds of at least 0, got {value!r}; write for example 62.5 "
            "or 1:02.5"
        )
    return seconds


def _seconds_of(text: str) -> float | None:
    """Seconds of ``62.5``, ``1:02.5`` or ``0:01:02.5``; None if it is none of these."""
    clock = re.fullmatch(r"(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)", text.strip())
    if clock:
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        is_right = seconds < 60 and (minutes < 60 or clock.group(1) is None)
        return 3600 * hours + 60 * minutes + seconds if is_right else None
    try:
        number = float(text.replace("_", "?"))
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
