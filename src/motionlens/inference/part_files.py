"""Results of a long job as Parquet files in one folder, written as they come.

Each file appears when it is whole, so a killed job loses what it has not written yet, and the next
call goes on with the videos that are missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from motionlens._utils.files import check_writable, naming, replacing
from motionlens._utils.folder_lock import check_free, locked_folder
from motionlens._utils.optional import require
from motionlens.datasets.decode_check import VideoKey
from motionlens.datasets.prepared import claim

# Readers of Parquet folders pass over names that begin so.
SETTINGS_FILE = "_job.json"
# Files that are read at a time, where rows are wanted in another order.
_OPEN_TABLES = 8
# A file holds the rows of so many videos, or of so long.
_ROWS, _SECONDS = 1024, 30.0
_KEY = ("path", "start", "end")


class PartFolder:
    """A folder of Parquet files with one row a video; made by :func:`open_parts`.

    Columns are ``path`` (as given), ``start`` and ``end`` (seconds, null for those of the video),
    those of the job, and ``error`` (text, null for a video that could be read).

    Attributes:
        folder: that holds the files.
    """

    def __init__(self, folder: Path, columns: Mapping[str, Any]) -> None:
        self.folder = folder
        self._arrow, self._parquet = _import_arrow()
        text, seconds = self._arrow.string(), self._arrow.float64()
        kinds = {"path": text, "start": seconds, "end": seconds, **columns, "error": text}
        self._schema = self._arrow.schema(kinds)
        self._waiting: list[Mapping[str, Any]] = []
        self._written = time.monotonic()
        self._done: set[VideoKey] = set()
        last = -1
        for path in self._paths():
            last = int(path.stem.removeprefix("part-"))
            self._done.update(self._keep_read(path))
        self._next = last + 1

    def __contains__(self, key: VideoKey) -> bool:
        """Whether a video has a row."""
        return _as_text(key) in self._done

    def add(self, key: VideoKey, row: Mapping[str, Any]) -> None:
        """Add the row of a video: values by column; columns that are left out are null.

        Raises:
            OSError: If a file cannot be written.
        """
        key = _as_text(key)
        self._done.add(key)
        self._waiting.append({**dict(zip(_KEY, key, strict=True)), **row})
        if len(self._waiting) >= _ROWS or time.monotonic() - self._written > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that wait."""
        if self._waiting:
            table = self._arrow.Table.from_pylist(self._waiting, schema=self._schema)
            self._write(self.folder / f"part-{self._next:06}.parquet", table)
            self._next += 1
            self._waiting = []
        self._written = time.monotonic()

    def rows_of(self, keys: Iterator[VideoKey]) -> Iterator[dict[str, Any]]:
        """The rows of videos in their order; files are read again as they are needed."""
        places: dict[VideoKey, tuple[Path, int]] = {}
        for path in self._paths():
            places |= {key: (path, i) for i, key in enumerate(_keys(self._read(path, _KEY)))}
        tables: dict[Path, Any] = {}
        for key in keys:
            path, i = places[_as_text(key)]
            if path not in tables:
                # Videos were done about in their order.
                tables = dict(list(tables.items())[-_OPEN_TABLES:])
                tables[path] = self._read(path)
            yield tables[path].slice(i, 1).to_pylist()[0]

    def _keep_read(self, path: Path) -> Iterator[VideoKey]:
        """The videos of a file; those that could not be read are taken out, to be tried again."""
        table = self._read(path)
        is_read = self._arrow.compute.is_null(table.column("error"))
        kept = table.filter(is_read)
        if len(kept) < len(table):
            self._write(path, kept)
        yield from _keys(kept)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("part-*.parquet"))

    def _read(self, path: Path, columns: tuple[str, ...] | None = None) -> Any:
        try:
            table = self._parquet.ParquetFile(path).read(columns)
            return table.cast(table.schema if columns else self._schema)
        except (ValueError, self._arrow.ArrowException, OSError) as error:
            raise ValueError(
                f"{path} cannot be read: {error}; remove it, and its videos are done again"
            ) from None

    def _write(self, path: Path, table: Any) -> None:
        with naming(path), replacing(path) as file:
            self._parquet.write_table(table, file)


def _keys(table: Any) -> Iterator[VideoKey]:
    """The videos of a table."""
    return zip(*(table.column(name).to_pylist() for name in _KEY), strict=True)


def _as_text(key: VideoKey) -> VideoKey:
    """A video as files name it: bytes of its path that are no UTF-8 are written as escapes."""
    path, start_s, end_s = key
    text = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return text, start_s, end_s


@contextmanager
def open_parts(
    folder: str | os.PathLike[str], columns: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[PartFolder]:
    """A folder of results, new or of an earlier call; what waits is written at the end, however.

    Args:
        folder: made if absent.
        columns: pyarrow types by name, besides those that every job has.
        settings: plain values on which the results depend.

    Raises:
        ValueError: If the folder holds anything else or results of other settings, or another
            call works in it.
        OSError: If it cannot be written.
        ImportError: If pyarrow is not installed.
    """
    check_parts(folder)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder):
        if found := claim(folder / SETTINGS_FILE, settings):
            name, value = found
            raise ValueError(
                f"{folder} holds results with {name} {value}, not {settings.get(name)}; name "
                "another folder or remove it"
            )
        parts = PartFolder(folder, columns)
        try:
            yield parts
        finally:
            parts.flush()


def check_parts(folder: str | os.PathLike[str]) -> None:
    """Make sure, before any work, that results can go into a folder.

    Raises:
        ValueError: If it is a file or an address, cannot be written, or holds something but no
            results.
        ImportError: If pyarrow is not installed.
    """
    _import_arrow()
    if Path(folder).exists() and not Path(folder).is_dir():
        raise ValueError(f"out must be a folder for Parquet files, {folder} is a file")
    check_writable(folder)
    folder = Path(folder)
    if not folder.is_dir() or (folder / SETTINGS_FILE).is_file():
        return
    check_free(folder)
    if other := next((path.name for path in sorted(folder.iterdir())), None):
        raise ValueError(
            f"{folder}: results must go into a folder of their own, this one holds {other}; name "
            "another or an empty one"
        )


def _import_arrow() -> tuple[Any, Any]:
    require("pyarrow.compute", "parquet")
    return require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
