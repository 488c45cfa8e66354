"""From a copy of a data set to a prepared one: read its lists, look at its videos, write an index.

Nothing of the copy is changed or copied; what is written names the usable videos.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.files import check_writable, write_atomically
from motionlens.clips.video_index import LABEL_SEPARATOR, ListEntry
from motionlens.datasets.catalog import find_spec
from motionlens.datasets.catalog.spec import DatasetSpec, OfficialCopy
from motionlens.datasets.check_cache import VideoKey
from motionlens.datasets.listing import PREPARED_FOLDER
from motionlens.datasets.prepare_report import FrameCounts, PartReport, PrepareReport
from motionlens.datasets.prepared import (
    CACHE_FILE,
    PARTS,
    Part,
    PreparedSet,
    save_description,
    save_part,
)
from motionlens.datasets.survey import MISSING, CheckLevel, OnProgress, Survey, survey
from motionlens.video.frames import check_fps

# Lists of what is not as it should be, all of the same columns.
_FAULT_LISTS = ("missing", "unreadable", "damaged", "duplicates")
_FAULT_COLUMNS = ("part", "path", "label", "reason")


def prepare(
    spec: DatasetSpec | str,
    root: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    check: CheckLevel = "open",
    num_workers: int = 0,
    min_frames: int = 2,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> PrepareReport:
    """Check a copy of a data set and write an index of its usable videos.

    Stopped on the way, it goes on there when called again: what was found out about a video is
    kept in ``checked.jsonl`` and believed while the file keeps its size and time of change (of a
    frame folder: its list of names).

    Args:
        spec: a data set of the catalogue, or its name.
        root: where the copy lies.
        out: the prepared folder; made if absent. By default ``prepared`` inside ``root``.
        check: ``"open"`` opens every video, counts frames and decodes the first; ``"decode"``
            decodes all; ``"none"`` only sees whether it is there.
        num_workers: processes that check; 0 for this one. They start afresh, so that a script
            must call this under ``if __name__ == "__main__":``.
        min_frames: a video with fewer is left out, at least 1.
        on_progress: called with the number of videos checked and of all that are there.
        **options: of the data set, such as ``split=2`` for UCF101.

    Returns:
        What was found. Left-out videos are also named in ``missing.csv`` and ``unreadable.csv``.

    Raises:
        ValueError: If lists are missing or make no sense, no video is usable, or ``out`` cannot
            be written. What was prepared before is left as it is.
        OSError: If the disk is full.
    """
    if isinstance(spec, str):
        spec = find_spec(spec)
    if check not in get_args(CheckLevel):
        raise ValueError(f"check must be open, decode or none, got {check!r}")
    for name, value, least in (("num_workers", num_workers, 0), ("min_frames", min_frames, 1)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}; raise it")
    folder = default_out(root) if out is None else Path(out)
    check_writable(folder)
    if options.get("fps") is not None:
        check_fps(options["fps"])
    copy = spec.read(root, **options)
    if any(source.parent.resolve() == folder.resolve() for source in copy.sources):
        raise ValueError(f"out must not be the folder of the official lists, got {folder}")
    clips = _Clips.of(copy)
    folder.mkdir(parents=True, exist_ok=True)
    fps = spec.fps if copy.fps is None else copy.fps
    found = survey(
        copy.folder,
        clips.keys,
        folder / CACHE_FILE,
        check=check,
        fps=fps,
        num_workers=num_workers,
        on_progress=on_progress,
    )
    faults = _faults(found, min_frames)
    if len(faults) == len(clips.keys):
        raise ValueError(
            f"{copy.folder}: must hold at least one usable video, it has none of "
            f"{len(faults)}: {clips.keys[0].path}: {faults[0]}; check the copy"
        )
    report = PrepareReport(
        name=spec.name,
        title=spec.title,
        root=str(root),
        out=str(folder),
        check=check,
        min_frames=min_frames,
        parts=_part_reports(spec, copy, clips, found, faults),
        num_classes=len(copy.class_names),
        official_num_classes=spec.num_classes,
        class_counts=_class_counts(copy, clips, faults),
        num_twice=clips.num_twice,
        num_leaked=clips.num_leaked,
        notes=copy.notes,
    )
    _write_lists(folder, copy, clips, found, faults)
    write_atomically(folder / "report.json", report.to_json().encode())
    write_atomically(folder / "report.md", report.to_markdown().encode())
    prepared = PreparedSet(
        name=spec.name,
        class_names=copy.class_names,
        root=_root_of(copy.folder, folder),
        fps=fps,
        multi_label=any(LABEL_SEPARATOR in e.label for part in copy.parts.values() for e in part),
        flip_pairs=spec.flip_pairs(copy.class_names),
    )
    save_description(folder, prepared)
    return report


def default_out(root: str | os.PathLike[str]) -> Path:
    """Where a copy is prepared if nobody says otherwise: inside it, or beside a list."""
    path = Path(root)
    return (path.parent if path.is_file() else path) / PREPARED_FOLDER


class _Clips(NamedTuple):
    """The distinct clips of all parts.

    Attributes:
        keys: each once.
        numbers: which of them each entry of a part is, int64 ``(entries,)``.
        num_twice: clips that have several entries.
        num_leaked: clips that have entries in several parts.
    """

    keys: list[VideoKey]
    numbers: dict[Part, NDArray[np.int64]]
    num_twice: int
    num_leaked: int

    @classmethod
    def of(cls, copy: OfficialCopy) -> _Clips:
        places: dict[VideoKey, int] = {}
        numbers = {}
        for part, entries in copy.parts.items():
            keys = (_key(entry) for entry in entries)
            found = (places.setdefault(key, len(places)) for key in keys)
            numbers[part] = np.fromiter(found, np.int64, len(entries))
        times = np.zeros(len(places), np.int64)
        num_parts = np.zeros(len(places), np.int64)
        for part_numbers in numbers.values():
            np.add.at(times, part_numbers, 1)
            num_parts[np.unique(part_numbers)] += 1
        return cls(list(places), numbers, int((times > 1).sum()), int((num_parts > 1).sum()))


def _key(entry: ListEntry) -> VideoKey:
    start_s, end_s = (None if math.isnan(t) else t for t in (entry.start_s, entry.end_s))
    return VideoKey(entry.path, start_s, end_s)


def _faults(found: Survey, min_frames: int) -> dict[int, str]:
    """Why clips are left out, by number."""
    faults = {int(i): MISSING for i in np.flatnonzero(found.is_missing)}
    faults |= found.faults
    for i in np.flatnonzero((found.num_frames >= 0) & (found.num_frames < min_frames)):
        n = int(found.num_frames[i])
        faults[int(i)] = f"too short: {n} frame{'s'[: n != 1]}, at least {min_frames} are wanted"
    return faults


def _part_reports(
    spec: DatasetSpec,
    copy: OfficialCopy,
    clips: _Clips,
    found: Survey,
    faults: Mapping[int, str],
) -> dict[Part, PartReport]:
    official = spec.num_videos if copy.num_videos is None else copy.num_videos
    reports: dict[Part, PartReport] = {}
    for part in _parts(copy):
        numbers = clips.numbers[part].tolist()
        usable = [i for i in numbers if i not in faults]
        num_missing = int(found.is_missing[numbers].sum())
        num_unreadable = sum(i in found.faults for i in numbers)
        frames = found.num_frames[usable]
        counted = len(frames) and frames.min() >= 0
        reports[part] = PartReport(
            listed=len(numbers),
            usable=len(usable),
            missing=num_missing,
            unreadable=num_unreadable,
            short=len(numbers) - len(usable) - num_missing - num_unreadable,
            damaged=sum(i in found.remarks for i in usable),
            official=official.get(part),
            frames=FrameCounts(int(frames.min()), int(np.median(frames)), int(frames.max()))
            if counted
            else None,
        )
    return reports


def _class_counts(
    copy: OfficialCopy, clips: _Clips, faults: Mapping[int, str]
) -> dict[str, dict[Part, int]]:
    counts: dict[str, dict[Part, int]] = {name: {} for name in copy.class_names}
    for part in _parts(copy):
        for entry, number in zip(copy.parts[part], clips.numbers[part].tolist(), strict=True):
            if entry.label and number not in faults:
                for label in entry.label.split(LABEL_SEPARATOR):
                    counts[label][part] = counts[label].get(part, 0) + 1
    return counts


def _parts(copy: OfficialCopy) -> list[Part]:
    return [part for part in PARTS if part in copy.parts]


def _write_lists(
    folder: Path, copy: OfficialCopy, clips: _Clips, found: Survey, faults: Mapping[int, str]
) -> None:
    faulty: dict[str, list[Sequence[str]]] = {name: [] for name in _FAULT_LISTS}
    seen: dict[int, str] = {}
    for part in PARTS:
        entries, num_frames = [], []
        numbers = clips.numbers[part].tolist() if part in copy.parts else []
        for entry, i in zip(copy.parts.get(part, ()), numbers, strict=True):
            if i in faults:
                name = "missing" if found.is_missing[i] else "unreadable"
                faulty[name].append((part, entry.path, entry.label, faults[i]))
            else:
                entries.append(entry)
                n = int(found.num_frames[i])
                num_frames.append(n if n >= 0 else None)
            if i in found.remarks:
                faulty["damaged"].append((part, entry.path, entry.label, found.remarks[i]))
            if i in seen:
                faulty["duplicates"].append((part, entry.path, entry.label, f"also in {seen[i]}"))
            seen.setdefault(i, part)
        if entries:
            save_part(folder, part, entries, num_frames)
        else:
            # Of a part without a usable video nothing stays that an earlier call has written.
            (folder / f"{part}.csv").unlink(missing_ok=True)
    for name, rows in faulty.items():
        _write_rows(folder / f"{name}.csv", rows)


def _write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FAULT_COLUMNS)
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def _root_of(videos: Path, prepared: Path) -> str:
    """How the prepared folder names that of the videos: so that both may be moved together."""
    top, inside = videos.resolve(), prepared.resolve()
    return os.path.relpath(top, inside) if inside.is_relative_to(top) else str(top)
