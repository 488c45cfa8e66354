"""Features written row by row, as .npy with a list beside it or as .parquet: memory stays flat."""

from __future__ import annotations

import csv
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.files import PendingFile
from motionlens._utils.optional import require

SUFFIXES = (".npy", ".parquet")
# Rows that are collected before they are written.
_PART = 1024


class FeatureRow(NamedTuple):
    """One video.

    Attributes:
        path: of the video.
        label: name of its class, several as ``one|other``; empty if unknown.
        start_s: where the part that was looked at begins; None for the video's start.
        end_s: where it ends; None likewise.
        values: float32 ``(D,)``.
    """

    path: str
    label: str
    start_s: float | None
    end_s: float | None
    values: NDArray[np.float32]


class FeatureWriter(ABC):
    """Takes rows, and makes files of them when it is closed; an error before leaves none.

    What was written before stays until then.
    """

    def __init__(self) -> None:
        self.num_rows = 0
        self._waiting: list[FeatureRow] = []

    def add(self, row: FeatureRow) -> None:
        """Take a row; all are equally long."""
        self._waiting.append(row)
        self.num_rows += 1
        if len(self._waiting) == _PART:
            self._write_waiting()

    def finish(self) -> list[Path]:
        """Write what waits, and put the files in their places.

        Returns:
            The files.
        """
        self._write_waiting()
        return self._place()

    @abstractmethod
    def discard(self) -> None:
        """Remove what has been written, if it has not been put in its place."""

    def _write_waiting(self) -> None:
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []

    @abstractmethod
    def _write(self, rows: Sequence[FeatureRow]) -> None: ...

    @abstractmethod
    def _place(self) -> list[Path]: ...


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Make sure that a file can be written in the form that its name asks for.

    Raises:
        ValueError: If its suffix is neither .npy nor .parquet.
        ImportError: If it is .parquet and pyarrow is not installed.
    """
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise ValueError(f"out must end in {' or '.join(SUFFIXES)}, got {os.fspath(path)}")
    if suffix == ".parquet":
        require("pyarrow", extra="parquet")


def open_writer(path: str | os.PathLike[str]) -> FeatureWriter:
    """A writer of the form that the suffix asks for; see :func:`check_suffix` for what it raises.

    ``features.npy`` is float32 ``(V, D)``, and ``features.csv`` beside it has the columns row,
    path, label, start, end. ``features.parquet`` has the columns path, label, start, end and
    features, a list of D float32.
    """
    check_suffix(path)
    return _NpyWriter(Path(path)) if Path(path).suffix == ".npy" else _ParquetWriter(Path(path))


class _NpyWriter(FeatureWriter):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._array = PendingFile(path)
        self._list = PendingFile(path.with_suffix(".csv"), "w", newline="", encoding="utf-8")
        self._csv = csv.writer(self._list.file, lineterminator="\n")
        self._csv.writerow(["row", "path", "label", "start", "end"])
        self._length: int | None = None
        self._head_size = 0

    def _write(self, rows: Sequence[FeatureRow]) -> None:
        values = np.stack([row.values for row in rows]).astype("<f4")
        if self._length is None:
            self._length = values.shape[1]
            self._write_head()
            self._head_size = self._array.file.tell()
        self._array.file.write(values.tobytes())
        first = self.num_rows - len(rows)
        for number, row in enumerate(rows, first):
            times = ["" if time is None else repr(time) for time in (row.start_s, row.end_s)]
            self._csv.writerow([number, row.path, row.label, *times])

    def _write_head(self) -> None:
        head: Any = {"descr": "<f4", "fortran_order": False}
        head["shape"] = (self.num_rows, self._length)
        np.lib.format.write_array_header_1_0(self._array.file, head)

    def _place(self) -> list[Path]:
        # NumPy leaves room in the head for any number of rows, so that it can be written anew.
        self._array.file.seek(0)
        self._write_head()
        assert self._array.file.tell() == self._head_size
        return [self._list.place(), self._array.place()]

    def discard(self) -> None:
        self._array.discard()
        self._list.discard()


class _ParquetWriter(FeatureWriter):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._arrow = require("pyarrow", extra="parquet")
        self._parquet = require("pyarrow.parquet", extra="parquet")
        self._file = PendingFile(path)
        self._writer: Any = None

    def _write(self, rows: Sequence[FeatureRow]) -> None:
        arrow = self._arrow
        values = np.stack([row.values for row in rows]).astype(np.float32)
        flat = arrow.array(values.reshape(-1))
        table = arrow.table(
            {
                "path": arrow.array([row.path for row in rows], arrow.string()),
                "label": arrow.array([row.label or None for row in rows], arrow.string()),
                "start": arrow.array([row.start_s for row in rows], arrow.float64()),
                "end": arrow.array([row.end_s for row in rows], arrow.float64()),
                "features": arrow.FixedSizeListArray.from_arrays(flat, values.shape[1]),
            }
        )
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._file.file, table.schema)
        self._writer.write_table(table)

    def _place(self) -> list[Path]:
        self._writer.close()
        return [self._file.place()]

    def discard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._file.discard()
