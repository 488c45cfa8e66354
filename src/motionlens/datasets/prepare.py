"""Prepare a copy of a data set: read its lists, check its videos, write an index of usable ones.

The copy itself is neither changed nor copied.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, get_args

from motionlens._utils.addresses import as_path, is_address
from motionlens._utils.checks import check_at_least
from motionlens._utils.cores import usable_cores
from motionlens._utils.csv_files import write_csv
from motionlens._utils.engines import Engine, EngineName, cluster_engine
from motionlens._utils.files import check_writable, write_atomically
from motionlens._utils.folder_lock import check_free, locked_folder
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.datasets.catalog.names import find_spec
from motionlens.datasets.catalog.spec import DatasetSpec, OfficialCopy
from motionlens.datasets.decode_check import MISSING, CheckLevel, Finding, OnProgress, check_videos
from motionlens.datasets.frame_rates import count_rates
from motionlens.datasets.groups import warn_of_shared_groups
from motionlens.datasets.list_faults import Listed, Repeat, check_two_labels, find_repeats
from motionlens.datasets.listing import PREPARED_FOLDER
from motionlens.datasets.look_alikes import warn_of_look_alikes
from motionlens.datasets.prepare_report import PartReport, PrepareReport
from motionlens.datasets.prepared import (
    CACHE_FILE,
    PARTS,
    Part,
    PreparedSet,
    is_prepared,
    is_unfinished,
    save_description,
    save_part,
)
from motionlens.video.frames import check_fps

# Lists of faulty videos; all have the same columns.
_FAULT_LISTS = ("missing", "unreadable", "damaged", "duplicates")
_FAULT_COLUMNS = ("part", "path", "label", "reason")


def prepare(
    spec: DatasetSpec | str,
    root: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    check: CheckLevel = "open",
    num_workers: int | None = None,
    min_frames: int = 2,
    engine: EngineName = "local",
    address: str | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> PrepareReport:
    """Check a copy of a data set and write an index of its usable videos.

    An interrupted call goes on where it stopped when it is made again. Findings are kept in
    ``checked.jsonl`` and hold while a file keeps its size and modification time; of a frame folder
    those of the folder itself count. A script must call this under ``if __name__ == "__main__":``,
    because processes are started.

    Args:
        spec: a data set of the catalogue, or its name.
        root: folder of the copy.
        out: folder for the index, made if absent; by default prepared inside the copy.
        check: open every video and count its frames, decode all of them, or (none) only see what
            is there.
        num_workers: processes that check the videos, 0 for none besides this one; by default one
            per CPU core.
        min_frames: videos with fewer frames are left out.
        engine: where videos are checked and packed: local, in processes of this machine, or ray, on
            a Ray cluster, whose nodes see the copy under the same path.
        address: of the cluster: auto for the one that this machine belongs to, local to start one
            here, or HOST:PORT of its head; by default auto.
        on_progress: called with the number of videos checked and of all that are there.
        **options: of the data set, such as ``split=2`` for UCF101.

    Returns:
        What was found. Left-out videos are also named in ``missing.csv`` and ``unreadable.csv``.

    Raises:
        ValueError: If lists are missing or damaged, no video is usable, ``out`` cannot be
            written, or another call works in it. An earlier result stays as it is.
        OSError: If the disk is full.
    """
    if isinstance(spec, str):
        spec = find_spec(spec)
    if check not in get_args(CheckLevel):
        raise ValueError(f"check must be open, decode or none, got {check!r}")
    other = cluster_engine(engine, address=address, num_workers=num_workers)
    num_workers = usable_cores() if num_workers is None else num_workers
    check_at_least(0, num_workers=num_workers)
    check_at_least(1, min_frames=min_frames)
    check_writable(default_out(root) if out is None else out)
    folder = default_out(root) if out is None else Path(out)
    check_free(folder)
    if options.get("fps") is not None:
        check_fps(options["fps"])
    copy = spec.read(root, **options)
    is_ours = is_prepared(folder) or is_unfinished(folder)
    if not is_ours and any((folder / f"{part}.csv").exists() for part in PARTS):
        raise ValueError(f"out must not be the folder of the official lists, got {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder):
        return _prepare_copy(
            spec,
            copy,
            root,
            folder,
            check=check,
            num_workers=num_workers,
            min_frames=min_frames,
            engine=other,
            on_progress=on_progress,
        )


def _prepare_copy(
    spec: DatasetSpec,
    copy: OfficialCopy,
    root: str | os.PathLike[str],
    folder: Path,
    *,
    check: CheckLevel,
    num_workers: int,
    min_frames: int,
    engine: Engine | None,
    on_progress: OnProgress | None,
) -> PrepareReport:
    """Check what was listed and write the index; see :func:`prepare`."""
    fps = spec.fps if copy.fps is None else copy.fps
    warn_of_look_alikes(root, copy.class_names)
    listed = (entry for entries in copy.parts.values() for entry in entries)
    warn_of_look_alikes(root, (entry.group for entry in listed if entry.group), "groups")
    repeats = _find_repeats(copy)
    # Official lists have their reasons, and report.md names the videos.
    is_own = spec.num_classes is None
    check_two_labels(root, repeats, refuse=is_own)
    if is_own and {"train", "validation"} <= copy.parts.keys():
        parts = (copy.parts[part] for part in PARTS[:2])
        warn_of_shared_groups(root, *(VideoIndex.of(copy.folder, part) for part in parts))
    found = check_videos(
        copy.folder,
        (entry.key for entries in copy.parts.values() for entry in entries),
        folder / CACHE_FILE,
        check=check,
        fps=fps,
        num_workers=num_workers,
        engine=engine,
        on_progress=on_progress,
    )
    videos = [
        _judge(part, entry, found[entry.key], min_frames)
        for part in PARTS
        for entry in copy.parts.get(part, ())
    ]
    if all(video.fault for video in videos):
        first = videos[0]
        raise ValueError(
            f"{copy.folder}: must hold at least one usable video, it has none of {len(found)}: "
            f"{first.entry.path}: {first.reason}; check the copy"
        )
    report = _report(spec, copy, videos, repeats, root=str(root), out=str(folder), check=check,
                     min_frames=min_frames)  # fmt: skip
    _write_lists(folder, videos, repeats)
    write_atomically(folder / "report.json", report.to_json().encode())
    write_atomically(folder / "report.md", report.to_markdown().encode())
    prepared = PreparedSet(
        name=spec.name,
        class_names=copy.class_names,
        root=_root_of(copy.folder, folder),
        fps=fps,
        multi_label=any(len(e.labels) > 1 for part in copy.parts.values() for e in part),
        flip_pairs=spec.flip_pairs(copy.class_names),
    )
    save_description(folder, prepared)
    return report


def default_out(root: str | os.PathLike[str]) -> Path:
    """The default folder of a prepared copy: inside it, or beside a list."""
    path = as_path(root)
    return (path.parent if path.is_file() else path) / PREPARED_FOLDER


class _Video(NamedTuple):
    """A listed video and what became of it.

    Attributes:
        part: whose list names it.
        entry: as listed.
        finding: of the check.
        fault: why it is left out: missing, unreadable or short; empty if it is usable.
        reason: the same as a sentence.
    """

    part: Part
    entry: ListEntry
    finding: Finding
    fault: str
    reason: str


def _judge(part: Part, entry: ListEntry, finding: Finding, min_frames: int) -> _Video:
    n, fault, reason = finding.num_frames, "", finding.reason
    if reason:
        fault = "missing" if reason == MISSING else "unreadable"
    elif n is not None and n < min_frames:
        fault = "short"
        reason = f"too short: {n} frame{'s'[: n != 1]}, at least {min_frames} are wanted"
    return _Video(part, entry, finding, fault, reason)


def _report(
    spec: DatasetSpec,
    copy: OfficialCopy,
    videos: Sequence[_Video],
    repeats: Sequence[Repeat],
    **settings: Any,
) -> PrepareReport:
    class_counts: dict[str, dict[Part, int]] = {name: {} for name in copy.class_names}
    for part, entry, _, fault, _ in videos:
        for label in () if fault else entry.labels:
            class_counts[label][part] = class_counts[label].get(part, 0) + 1
    # A video counts once, however many clips of it are listed.
    rates_of = {v.entry.path: v.finding.fps for v in videos if not v.fault and v.finding.fps}
    official = spec.num_videos if copy.num_videos is None else copy.num_videos
    return PrepareReport(
        name=spec.name,
        title=spec.title,
        parts={
            part: _part_report([v for v in videos if v.part == part], official.get(part))
            for part in PARTS
            if part in copy.parts
        },
        num_classes=len(copy.class_names),
        official_num_classes=spec.num_classes,
        class_counts=class_counts,
        num_twice=len({r.first.key for r in repeats}),
        num_leaked=len({r.first.key for r in repeats if r.part != r.first_part}),
        notes=copy.notes,
        rates=count_rates(rates_of.values()),
        **settings,
    )


def _part_report(videos: Sequence[_Video], official: int | None) -> PartReport:
    faults = Counter(video.fault for video in videos)
    usable = [video.finding for video in videos if not video.fault]
    frames = sorted(found.num_frames for found in usable if found.num_frames is not None)
    return PartReport(
        listed=len(videos),
        usable=len(usable),
        missing=faults["missing"],
        unreadable=faults["unreadable"],
        short=faults["short"],
        damaged=sum(bool(found.remark) for found in usable),
        official=official,
        frames=(frames[0], int(median(frames)), frames[-1]) if frames else None,
    )


def _write_lists(folder: Path, videos: Sequence[_Video], repeats: Sequence[Repeat]) -> None:
    for part in PARTS:
        usable = [video for video in videos if video.part == part and not video.fault]
        if usable:
            numbers = [video.finding.num_frames for video in usable]
            save_part(folder, part, [video.entry for video in usable], numbers)
        else:
            # An earlier call may have found usable videos here.
            (folder / f"{part}.csv").unlink(missing_ok=True)
    rows: dict[str, list[Sequence[str]]] = {name: [_FAULT_COLUMNS] for name in _FAULT_LISTS}

    def add(name: str, part: str, entry: ListEntry, reason: str) -> None:
        rows[name].append((part, entry.path, entry.label, reason))

    for part, entry, finding, fault, reason in videos:
        if fault:
            add("missing" if fault == "missing" else "unreadable", part, entry, reason)
        if finding.remark:
            add("damaged", part, entry, finding.remark)
    for repeat in repeats:
        _, entry, other, first = repeat
        where = f"also in {other}" + (f" as {first.path}" if first.path != entry.path else "")
        label = f", there {first.label}" if repeat.has_two_labels else ""
        add("duplicates", repeat.part, entry, where + label)
    for name, lines in rows.items():
        write_csv(folder / f"{name}.csv", lines)


def _find_repeats(copy: OfficialCopy) -> list[Repeat]:
    """Videos that were listed before, in the order of the parts."""
    parts = [part for part in PARTS if part in copy.parts]
    return find_repeats({part: Listed.of(copy.folder, copy.parts[part]) for part in parts})


def _root_of(videos: Path, prepared: Path) -> str:
    """The videos' folder as the prepared one names it; relative if both can be moved together."""
    if is_address(videos):
        return str(videos)
    top, inside = videos.resolve(), prepared.resolve()
    return os.path.relpath(top, inside) if inside.is_relative_to(top) else str(top)
