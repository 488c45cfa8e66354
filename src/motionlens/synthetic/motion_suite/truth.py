"""The tracks of all objects of a written suite, as CSV.

One row per object and frame. Rows and columns are pixels of the view; those of a window are pixels
of the resized footage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from motionlens._utils.csv_files import read_csv, write_csv
from motionlens.datasets.prepared import Part
from motionlens.synthetic.motion_suite.scenes import Track

_COLUMNS = ("path", "object", "role", "frame", "row", "column", "height", "width")


def truth_path(folder: Path, part: Part) -> Path:
    """The file with the tracks of a part."""
    return folder / f"truth_{part}.csv"


def save_truth(folder: Path, part: Part, clips: Iterable[tuple[str, Iterable[Track]]]) -> None:
    """Write the tracks of a part.

    Args:
        folder: of the suite.
        part: of it.
        clips: path and tracks of each clip.

    Raises:
        OSError: If the file cannot be written.
    """
    rows = (row for path, tracks in clips for row in _rows(path, tracks))
    write_csv(truth_path(folder, part), chain([_COLUMNS], rows))


def load_truth(folder: Path, part: Part, num_frames: int) -> dict[str, list[Track]]:
    """Read the tracks of a part; looks are not stored.

    Returns:
        Tracks of every clip, by path.

    Raises:
        ValueError: If the file is missing or damaged.
    """
    path = truth_path(folder, part)
    hint = "write the suite anew"
    found: dict[str, list[Track]] = {}
    for number, row in enumerate(read_csv(path, _COLUMNS, hint=hint), start=1):
        try:
            tracks = found.setdefault(row["path"], [])
            if int(row["object"]) == len(tracks):
                tracks.append(Track(row["role"], np.full((num_frames, 4), np.nan), None))
            box = [float(row[name]) for name in _COLUMNS[4:]]
            tracks[int(row["object"])].boxes[int(row["frame"])] = box
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"{path} cannot be used: row {number} makes no sense ({error}); {hint}"
            ) from None
    return found


def _rows(path: str, tracks: Iterable[Track]) -> Iterator[tuple[str | int, ...]]:
    for number, track in enumerate(tracks):
        for frame in np.flatnonzero(~np.isnan(track.boxes[:, 0])).tolist():
            box = (f"{value:.3f}" for value in track.boxes[frame].tolist())
            yield (path, number, track.role, frame, *box)
