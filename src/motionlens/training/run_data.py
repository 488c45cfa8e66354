"""Which videos a run is trained on, so that a resumed run says what has changed since."""

import os
from collections.abc import Sequence
from pathlib import Path

from motionlens._utils.addresses import find_all, is_address
from motionlens._utils.csv_files import read_csv, write_csv
from motionlens._utils.errors import first_three
from motionlens._utils.numbers import counted
from motionlens._utils.remote_files import Found
from motionlens.clips.video_index import VideoIndex
from motionlens.training.run_folder import DATA_FILE
from motionlens.video.shards import is_shard_path

_COLUMNS = ("part", "path", "start", "end", "label", "bytes", "modified")
# What tells clips apart. A run and its videos may be moved together, so paths are those of lists.
_KEY, _CONTENT = ("part", "path", "start", "end"), ("bytes", "modified")

Row = dict[str, str]


def note_data(run: Path, train: VideoIndex, validation: VideoIndex) -> str | None:
    """Write which videos a run goes on with into its folder.

    Args:
        run: the run folder, which may hold the list of before.
        train: training videos.
        validation: validation videos.

    Returns:
        A line on what differs from the list of before; None if nothing does, or there is none.

    Raises:
        ValueError: If the list of before is damaged.
        OSError: If it cannot be written.
    """
    path = run / DATA_FILE
    rows = [*_rows("training", train), *_rows("validation", validation)]
    before = None
    if path.is_file():
        before = read_csv(path, _COLUMNS, hint="remove it to go on without a comparison")
    if rows != before:
        write_csv(path, [_COLUMNS, *(tuple(row.values()) for row in rows)])
    return None if before is None else _changes(before, rows)


def _rows(part: str, index: VideoIndex) -> list[Row]:
    rows = []
    paths = [index.path(i) for i in range(len(index))]
    for i, content in enumerate(_contents(paths)):
        entry = index.entry(i)
        window = ("" if edge is None else repr(edge) for edge in entry.window)
        values = (part, entry.path, *window, entry.label, *content)
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def _contents(paths: Sequence[Path]) -> list[tuple[str, str]]:
    stored = [path.parent if is_shard_path(path) else path for path in paths if is_address(path)]
    found = iter(find_all(stored))
    return [_stored(next(found)) if is_address(path) else _content(path) for path in paths]


def _stored(found: Found | None) -> tuple[str, str]:
    """As :func:`_content`, of what lies at an address."""
    return ("missing", "") if found is None else (str(found.size or ""), "")


def _content(path: Path) -> tuple[str, str]:
    """What changes with a video's content: its bytes, or when a folder of pictures was changed."""
    try:
        found = os.stat(path)
    except NotADirectoryError:  # a video in a shard
        found = os.stat(path.parent)
    except OSError:
        return "missing", ""
    # Copies of files have times of their own.
    is_folder = os.path.isdir(path)
    return ("", str(found.st_mtime_ns)) if is_folder else (str(found.st_size), "")


def _changes(before: list[Row], now: list[Row]) -> str | None:
    old, new = ({tuple(row[name] for name in _KEY): row for row in rows} for rows in (before, now))
    both = [(old[key], new[key]) for key in old.keys() & new.keys()]
    missing = [b for a, b in both if b["bytes"] == "missing" != a["bytes"]]
    content = [b for a, b in both if any(a[name] != b[name] for name in _CONTENT)]
    kinds = {
        "added": [new[key] for key in new.keys() - old.keys()],
        "removed": [old[key] for key in old.keys() - new.keys()],
        "missing": missing,
        "replaced": [row for row in content if row not in missing],
        "labelled otherwise": [b for a, b in both if a["label"] != b["label"]],
    }
    found = [
        f"{counted(len(rows), 'video')} {kind} ({first_three(sorted(row['path'] for row in rows))})"
        for kind, rows in kinds.items()
        if rows
    ]
    if not found and before != now:
        found = ["the order of the videos"]
    if not found:
        return None
    return f"the data of this run have changed meanwhile: {', '.join(found)}"
