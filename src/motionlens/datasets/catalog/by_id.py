"""Data sets whose lists name videos by number: Jester and both versions of Something-Something."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from motionlens.clips.video_index import ListEntry
from motionlens.datasets.catalog.locating import PART_WORDS, LocalCopy, read_lines
from motionlens.datasets.catalog.spec import OfficialCopy
from motionlens.datasets.list_files import read_ids
from motionlens.datasets.prepared import Part

# Number of the video and name of its class, which is empty if the list does not tell.
IdRow = tuple[str, str]


def read_by_id(
    root: Path,
    *,
    lists: Sequence[str],
    labels: Sequence[str],
    folders: Sequence[str],
    suffixes: Sequence[str],
    read_rows: Callable[[Path], list[IdRow]] = read_ids,
    read_classes: Callable[[Path], Sequence[str]] = read_lines,
) -> OfficialCopy:
    """Read lists by number and find the videos.

    Args:
        root: the copy.
        lists: possible names of the list of a part, with ``{}`` for the part; the official one
            first.
        labels: of the file with the classes.
        folders: of the folder of the videos; the official one first.
        suffixes: of a video, ``""`` for a frame folder; the official one first.
        read_rows: reads a list.
        read_classes: reads the file with the classes, in the order of their labels.

    Raises:
        ValueError: If a list is missing or damaged, or no video is there.
    """
    copy = LocalCopy(root)
    # Many copies have no test part: a server scored results on it.
    paths = copy.part_lists(lists)
    rows = {part: read_rows(path) for part, path in paths.items()}
    sources = list(paths.values())
    notes = [] if "test" in paths else ["There is no list of the test part, so it is left out."]
    try:
        classes = copy.find_list("the class names", labels)
    except ValueError:
        notes.append(
            f"There is no {labels[0]}: the classes are those of the lists, in alphabetical order."
        )
        class_names: Sequence[str] = sorted(
            {label for r in rows.values() for _, label in r if label}
        )
    else:
        sources.append(classes)
        class_names = read_classes(classes)
    return OfficialCopy(
        folder=root,
        parts=_find_videos(copy, rows, folders, suffixes),
        class_names=tuple(class_names),
        sources=tuple(sources),
        notes=tuple(notes),
    )


def _find_videos(
    copy: LocalCopy,
    rows: Mapping[Part, Sequence[IdRow]],
    names: Sequence[str],
    suffixes: Sequence[str],
) -> dict[Part, list[ListEntry]]:
    parts: dict[Part, list[ListEntry]] = {}
    num_found = 0
    for part, part_rows in rows.items():
        # Some copies have one folder per part.
        folders = copy.folders([*names, *PART_WORDS[part], ""])
        home = next(iter(folders), "") or names[0]
        entries = []
        for video, label in part_rows:
            path = copy.find_first(f"{f}/{video}{s}" for f in folders for s in suffixes)
            num_found += path is not None
            entries.append(ListEntry(path or f"{home}/{video}{suffixes[0]}", label))
        parts[part] = entries
    if not num_found:
        first = next(iter(parts.values()))[0]
        places = ", ".join(names)
        raise ValueError(
            f"{copy.root}: must hold the videos, none that is listed is there; looked for "
            f"{first.path} and the like in {places}, train, validation and {copy.root} itself"
        )
    return parts
