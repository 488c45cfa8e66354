"""Data sets whose lists name videos by number: Jester and both versions of Something-Something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from motionlens.clips.video_index import ListEntry
from motionlens.datasets.catalog.locating import PART_WORDS, LocalCopy
from motionlens.datasets.catalog.spec import OfficialCopy
from motionlens.datasets.prepared import PARTS, Part

# Number of the video and name of its class, which is empty if the list does not tell.
IdRow = tuple[str, str]


class IdLayout(NamedTuple):
    """Possible names of such a data set's files.

    Attributes:
        lists: list of a part, with ``{}`` for the part; the official name first.
        labels: file with the classes.
        folders: folder of the videos; the official name first.
        suffixes: of a video, ``""`` for a frame folder; the official one first.
    """

    lists: Sequence[str]
    labels: Sequence[str]
    folders: Sequence[str]
    suffixes: Sequence[str]


def read_by_id(
    root: Path,
    layout: IdLayout,
    read_rows: Callable[[Path], list[IdRow]],
    read_classes: Callable[[Path], Sequence[str]],
) -> OfficialCopy:
    """Read lists by number and find the videos.

    Args:
        root: the copy.
        layout: possible names of its files.
        read_rows: reads a list.
        read_classes: reads the file with the classes, in the order of their labels.

    Raises:
        ValueError: If a list is missing or damaged, or no video is there.
    """
    copy = LocalCopy(root)
    lists: dict[Part, Path] = {}
    for part in PARTS:
        try:
            lists[part] = copy.find_part_list(part, layout.lists)
        except ValueError:
            # Many copies have no test part: a server scored results on it.
            if part != "test":
                raise
    rows = {part: read_rows(path) for part, path in lists.items()}
    sources = list(lists.values())
    notes = [] if "test" in lists else ["There is no list of the test part, so it is left out."]
    try:
        labels = copy.find_list("the class names", layout.labels)
    except ValueError:
        notes.append(
            f"There is no {layout.labels[0]}: the classes are those of the lists, in alphabetical "
            "order."
        )
        found = {label for part in rows.values() for _, label in part if label}
        class_names: Sequence[str] = sorted(found)
    else:
        sources.append(labels)
        class_names = read_classes(labels)
    return OfficialCopy(
        folder=root,
        parts=_find_videos(copy, layout, rows),
        class_names=tuple(class_names),
        sources=tuple(sources),
        notes=tuple(notes),
    )


def _find_videos(
    copy: LocalCopy, layout: IdLayout, rows: Mapping[Part, Sequence[IdRow]]
) -> dict[Part, list[ListEntry]]:
    parts: dict[Part, list[ListEntry]] = {}
    num_found = 0
    for part, part_rows in rows.items():
        # Some copies have one folder per part.
        folders = copy.folders([*layout.folders, *PART_WORDS[part], ""])
        home = next(iter(folders), "") or layout.folders[0]
        entries = []
        for video, label in part_rows:
            path = copy.find_first(f"{f}/{video}{s}" for f in folders for s in layout.suffixes)
            num_found += path is not None
            entries.append(ListEntry(path or f"{home}/{video}{layout.suffixes[0]}", label))
        parts[part] = entries
    if not num_found:
        first = next(iter(parts.values()))[0]
        places = ", ".join(layout.folders)
        raise ValueError(
            f"{copy.root}: must hold the videos, none that is listed is there; looked for "
            f"{first.path} and the like in {places}, train, validation and {copy.root} itself"
        )
    return parts
