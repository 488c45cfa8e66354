"""Data sets whose lists name videos by number: Jester and both versions of Something-Something."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from motionlens.clips.video_index import ListEntry
from motionlens.datasets.catalog.locating import PART_WORDS, LocalCopy, read_lines
from motionlens.datasets.catalog.spec import OfficialCopy
from motionlens.datasets.list_files import read_ids
from motionlens.datasets.prepared import Part

_VIDEO_SUFFIXES = (".webm", ".mp4", ".avi")


def read_by_id(
    root: Path,
    *,
    name: str,
    list_suffix: str = ".csv",
    as_pictures: bool = True,
    read_rows: Callable[[Path], list[ListEntry]] = read_ids,
    read_classes: Callable[[Path], Sequence[str]] = read_lines,
) -> OfficialCopy:
    """Read lists by number and find the videos.

    Args:
        root: the copy.
        name: with which the names of its files begin, such as ``"jester-v1"``.
        list_suffix: of its lists, ``"jester-v1-train.csv"`` and so on.
        as_pictures: the official videos are frame folders, else WebM.
        read_rows: reads a list; the paths are the numbers of the videos.
        read_classes: reads the file with the classes, in the order of their labels.

    Raises:
        ValueError: If a list is missing or damaged, or no video is there.
    """
    copy = LocalCopy(root)
    # Many copies have no test part: a server scored results on it.
    paths = copy.part_lists([f"{name}-{{}}{list_suffix}", f"{{}}{list_suffix}"])
    rows = {part: read_rows(path) for part, path in paths.items()}
    notes = [] if "test" in paths else ["There is no list of the test part, so it is left out."]
    labels = f"{name}-labels{list_suffix}"
    try:
        found = copy.find_list("the class names", [labels, f"labels{list_suffix}"])
    except ValueError:
        notes.append(
            f"There is no {labels}: the classes are those of the lists, in alphabetical order."
        )
        class_names: Sequence[str] = sorted({e.label for r in rows.values() for e in r if e.label})
    else:
        class_names = read_classes(found)
    folders = (f"20bn-{name}", name, "videos", "frames", "rawframes")
    suffixes = ("", *_VIDEO_SUFFIXES) if as_pictures else (*_VIDEO_SUFFIXES, "")
    return OfficialCopy(
        folder=root,
        parts=_find_videos(copy, rows, folders, suffixes),
        class_names=tuple(class_names),
        notes=tuple(notes),
    )


def _find_videos(
    copy: LocalCopy,
    rows: Mapping[Part, Sequence[ListEntry]],
    names: Sequence[str],
    suffixes: Sequence[str],
) -> dict[Part, list[ListEntry]]:
    parts: dict[Part, list[ListEntry]] = {}
    num_found = 0
    for part, part_rows in rows.items():
        # Some copies have one folder per part.
        folders = copy.folders([*names, *PART_WORDS[part], ""])
        home = next(iter(folders), "") or names[0]
        parts[part] = []
        for row in part_rows:
            path = copy.find_first(f"{f}/{row.path}{s}" for f in folders for s in suffixes)
            num_found += path is not None
            parts[part].append(row._replace(path=path or f"{home}/{row.path}{suffixes[0]}"))
    if not num_found:
        first = next(iter(parts.values()))[0]
        raise ValueError(
            f"{copy.root}: must hold the videos, none that is listed is there; looked for "
            f"{first.path} and the like in {', '.join(names)}, train, validation and {copy.root} "
            "itself"
        )
    return parts
