"""Feature files: .npy with a .csv beside it, or .parquet. Rows are written as they come."""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.files import naming, replacing
from motionlens._utils.optional import require

SUFFIXES = (".npy", ".parquet")
# Rows per row group of a Parquet file.
_GROUP_ROWS = 1024


class FeatureRow(NamedTuple):
    """The features of one video.

    Attributes:
        path: path of the video.
        label: name of its class, several as ``one|other``; None if unknown.
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


def write_features(path: Path, rows: Iterable[FeatureRow]) -> list[Path]:
    """Write rows as they come, in constant memory.

    ``features.npy`` is float32 ``(V, D)``, and ``features.csv`` beside it has the columns row,
    path, label, start, end. ``features.parquet`` has the columns path, label, start, end and
    features, a list of D float32.

    Args:
        path: of the file, with a suffix that :func:`check_suffix` accepts.
        rows: all with the same D.

    Returns:
        The files, which appear once all rows are written; none if there are no rows.
    """
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return []
    write = _write_npy if path.suffix == ".npy" else _write_parquet
    return write(path, chain([first], rows), len(first.values))


def _write_npy(path: Path, rows: Iterator[FeatureRow], width: int) -> list[Path]:
    list_path = path.with_suffix(".csv")
    with (
        naming(path),
        # A .npy file begins with its number of rows, which is known last.
        tempfile.TemporaryFile(dir=path.parent) as values,
        replacing(path) as array_file,
        replacing(list_path, "w", newline="", encoding="utf-8") as list_file,
    ):
        table = csv.writer(list_file, lineterminator="\n")
        table.writerow(["row", "path", "label", "start", "end"])
        for number, row in enumerate(rows):
            values.write(row.values.astype("<f4").tobytes())
            table.writerow([number, *row[:-1]])
        values.flush()
        np.save(array_file, np.memmap(values, "<f4", "r").reshape(-1, width))
    return [list_path, path]


def _write_parquet(path: Path, rows: Iterator[FeatureRow], width: int) -> list[Path]:
    arrow, parquet = (require(name, "parquet") for name in ("pyarrow", "pyarrow.parquet"))
    text, seconds = arrow.string(), arrow.float64()
    kinds = {"path": text, "label": text, "start": seconds, "end": seconds}
    schema = arrow.schema(kinds | {"features": arrow.list_(arrow.float32(), width)})
    with replacing(path) as file, parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, _GROUP_ROWS)):
            columns = dict(zip(schema.names, zip(*group, strict=True), strict=True))
            writer.write_table(arrow.Table.from_pydict(columns, schema=schema))
    return [path]
