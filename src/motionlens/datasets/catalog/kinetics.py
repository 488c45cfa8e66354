"""Kinetics-400, -600 and -700: clips of ten seconds from videos on the web."""

import math
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from motionlens._utils.numbers import counted
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.catalog.locating import DOWNLOAD, LIST_FOLDERS, PART_WORDS, LocalCopy
from motionlens.datasets.catalog.spec import DatasetSpec, OfficialCopy
from motionlens.datasets.list_files import read_list
from motionlens.datasets.prepared import PARTS, Part
from motionlens.video.file import open_video
from motionlens.video.find import VIDEO_SUFFIXES, is_hidden, walk
from motionlens.video.frames import VideoError, VideoWarning

# Videos named by their id alone are either clips or whole videos: this many are opened to find
# out, and a clip may be this much longer than listed.
_NUM_PROBED = 5
_MARGIN_S = 1.5


def _read(root: Path, number: int) -> OfficialCopy:
    copy = LocalCopy(root)
    names = (f"kinetics-{number}", f"kinetics_{number}", f"kinetics{number}", f"k{number}")
    beginnings = (*(f"{name}{mark}" for name in names for mark in "_-"), "kinetics_", "")
    patterns = [f"{beginning}{{}}.csv" for beginning in beginnings]
    folders = (*LIST_FOLDERS, *names, f"kinetics{number}_2020")
    # One part is enough; where there is none, the second call says so.
    lists = copy.part_lists(patterns, folders, ()) or copy.part_lists(patterns, folders)
    found = _scan(root)
    parts = {part: _read_part(path, part, found) for part, path in lists.items()}
    entries = [entry for part_entries in parts.values() for entry in part_entries]
    named_by_id = [entry for entry in entries if not math.isnan(entry.start_s)]
    notes = [f"There is no list of the {part} part." for part in PARTS if part not in lists]
    if named_by_id:
        what = "are whole videos, of which clips are taken"
        if _are_cut(root, named_by_id):
            what = "are clips already"
            parts = {
                part: [entry._replace(start_s=math.nan, end_s=math.nan) for entry in part_entries]
                for part, part_entries in parts.items()
            }
        videos = counted(len(named_by_id), "video is", "videos are")
        whose = "its" if len(named_by_id) == 1 else "their"
        notes.append(f"{videos} named by {whose} id alone and {what}.")
    return OfficialCopy(
        folder=root,
        parts=parts,
        class_names=tuple(sorted({entry.label for entry in entries if entry.label})),
        notes=tuple(notes),
    )


def _scan(root: Path) -> dict[str, list[str]]:
    """All video files below the root: name without suffix -> paths relative to the root."""
    found: dict[str, list[str]] = {}
    for where, folders, names in walk(root):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        here = where.relative_to(root).as_posix()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in VIDEO_SUFFIXES and not is_hidden(name):
                path = name if here == "." else f"{here}/{name}"
                found.setdefault(stem, []).append(path)
    return found


def _read_part(path: Path, part: Part, found: Mapping[str, Sequence[str]]) -> list[ListEntry]:
    """Entries of a list; only those of videos that are named by their id alone have a window."""
    entries = []
    for row in read_list(path, ",", labelled=False):
        if math.isnan(row.start_s) or math.isnan(row.end_s):
            raise ValueError(f"{path}: must give time_start and time_end of {row.path}; {DOWNLOAD}")
        start, end = int(row.start_s), int(row.end_s)
        usual = f"{row.path}_{start:06d}_{end:06d}"
        names = (usual, f"{row.path}_{start}_{end}", row.path)
        name = next((name for name in names if name in found), None)
        if name is None:
            where = os.path.normpath(f"{PART_WORDS[part][0]}/{row.label or '.'}/{usual}.mp4")
        else:
            where = _choose(found[name], part, row.label)
        is_whole = name == row.path
        entries.append(row._replace(path=where) if is_whole else ListEntry(where, row.label))
    return entries


def _choose(paths: Sequence[str], part: Part, label: str) -> str:
    """Of several files of one name, the one whose folders match the class and the part."""
    if len(paths) == 1:
        return paths[0]

    def fit(path: str) -> tuple[bool, bool]:
        folders = path.split("/")[:-1]
        return (
            _letters(label) in map(_letters, folders),
            any(word in map(str.lower, folders) for word in PART_WORDS[part]),
        )

    return max(paths, key=fit)  # the first of the best


def _letters(name: str) -> str:
    """A class as comparable letters: folders use spaces, underscores or drop brackets."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _are_cut(root: Path, entries: Sequence[ListEntry]) -> bool:
    """Whether files named by their id are clips, that is, as short as listed."""
    durations = []
    for entry in entries:
        try:
            with warnings.catch_warnings():
                # Damage is reported when every video is checked.
                warnings.simplefilter("ignore", VideoWarning)
                with open_video(root / entry.path) as reader:
                    duration = reader.times_s[-1] + 1 / reader.fps
        except VideoError:
            continue
        durations.append(duration <= entry.end_s - entry.start_s + _MARGIN_S)
        if len(durations) == _NUM_PROBED:
            break
    return bool(durations) and all(durations)


def _spec(number: int) -> DatasetSpec:
    return DatasetSpec(
        name=f"kinetics{number}",
        title=f"Kinetics-{number}",
        layout="{train,val,test}/LABEL/ID_000010_000020.mp4; "
        f"kinetics-{number}_{{train,val,test}}.csv",
        reader=partial(_read, number=number),
        recipe="kinetics_resnet18.yaml",
        num_classes=number,
    )


KINETICS = tuple(_spec(number) for number in (400, 600, 700))
