"""Feature files: .npy with a .csv beside it, or .parquet. Rows are written as they come."""

from __future__ import annotations

import csv
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.files import PendingFile
from motionlens._utils.optional import require

SUFFIXES = (".npy", ".parquet")
# Rows per row group of a Parquet file.
_GROUP_ROWS = 1024


class FeatureRow(NamedTuple):
    """The features of one video.

    Attributes:
        path: path of the video.
        label: name of its class, several as ``one|other``; empty or None if unknown.
        start_s: start of the segment that was used, seconds; None for the video's start.
        end_s: its end, seconds; None for the video's end.
        values: float32 ``(D,)``.
    """

    path: str
    label: str | None
    start_s: float | None
    end_s: float | None
    values: NDArray[np.float32]


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Check that the format of a file can be written.

    Raises:
        ValueError: If its suffix is neither .npy nor .parquet.
        ImportError: If it is .parquet and pyarrow is not installed.
    """
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise ValueError(f"out must end in {' or '.join(SUFFIXES)}, got {os.fspath(path)}")
    if suffix == ".parquet":
        require("pyarrow", extra="parquet")


def open_writer(path: str | os.PathLike[str]) -> NpyWriter | ParquetWriter:
    """A writer for the format of a suffix; raises as :func:`check_suffix` does.

    ``features.npy`` is float32 ``(V, D)``, and ``features.csv`` beside it has the columns row,
    path, label, start, end. ``features.parquet`` has the columns path, label, start, end and
    features, a list of D float32.
    """
    check_suffix(path)
    return NpyWriter(Path(path)) if Path(path).suffix == ".npy" else ParquetWriter(Path(path))


class NpyWriter:
    """Writes rows to two files, which appear when it is finished, complete or not at all."""

    def __init__(self, path: Path) -> None:
        # A .npy file begins with its number of rows, which is known last.
        self._values = tempfile.TemporaryFile(dir=path.parent)
        self._array = PendingFile(path)
        self._list = PendingFile(path.with_suffix(".csv"), "w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._list.file, lineterminator="\n")
        self._csv.writerow(["row", "path", "label", "start", "end"])
        self.num_rows = 0

    def add(self, row: FeatureRow) -> None:
        """Add a row; all have the same D."""
        self._values.write(row.values.astype("<f4").tobytes())
        self._csv.writerow([self.num_rows, *row[:-1]])
        self.num_rows += 1

    def finish(self) -> list[Path]:
        """Put the files in their places, and return these; needs at least one row."""
        self._values.flush()
        rows = np.memmap(self._values, "<f4", "r")
        np.save(self._array.file, rows.reshape(self.num_rows, -1))
        self._values.close()
        return [self._list.place(), self._array.place()]

    def discard(self) -> None:
        """Remove what was written; does nothing to files that are in their places."""
        self._values.close()
        self._array.discard()
        self._list.discard()


class ParquetWriter:
    """Writes rows to a file, which appears when it is finished, complete or not at all."""

    def __init__(self, path: Path) -> None:
        self._arrow = require("pyarrow", extra="parquet")
        self._parquet = require("pyarrow.parquet", extra="parquet")
        self._file = PendingFile(path)
        self._writer: Any = None
        self._waiting: list[FeatureRow] = []
        self.num_rows = 0

    def add(self, row: FeatureRow) -> None:
        """Add a row; all have the same D."""
        self._waiting.append(row)
        self.num_rows += 1
        if len(self._waiting) == _GROUP_ROWS:
            self._write_group()

    def finish(self) -> list[Path]:
        """Put the file in its place, and return that; needs at least one row."""
        self._write_group()
        self._writer.close()
        return [self._file.place()]

    def discard(self) -> None:
        """Remove what was written; does nothing to a file that is in its place."""
        if self._writer is not None:
            self._writer.close()
        self._file.discard()

    def _write_group(self) -> None:
        if not self._waiting:
            return
        arrow = self._arrow
        kinds = {
            "path": arrow.string(),
            "label": arrow.string(),
            "start": arrow.float64(),
            "end": arrow.float64(),
            "features": arrow.list_(arrow.float32(), len(self._waiting[0].values)),
        }
        rows = [row._replace(label=row.label or None) for row in self._waiting]
        table = arrow.Table.from_pydict(
            dict(zip(kinds, zip(*rows, strict=True), strict=True)), schema=arrow.schema(kinds)
        )
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._file.file, table.schema)
        self._writer.write_table(table)
        self._waiting = []
