"""What is wrong with the videos that lists and folders name: one rule for every command.

Missing videos and, in a user's own lists, videos under two labels are refused. Videos that are
listed twice or in two parts, and classes that only look different, are warned of.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from motionlens._utils.addresses import absolute, as_path, find_all, is_address, join, join_names
from motionlens._utils.numbers import counted
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.datasets.groups import warn_of_shared_groups
from motionlens.datasets.look_alikes import warn_of_look_alikes
from motionlens.video.frames import VideoWarning
from motionlens.video.pictures import find_pictures, is_pattern
from motionlens.video.shards import is_shard_path

# Asking a file server for one file after the other is slow; it answers several at once.
_THREADS, _FILES_AT_ONCE = 8, 500


class Listed(NamedTuple):
    """Listed clips with what tells their files apart.

    Attributes:
        root: folder that relative paths start from.
        entries: the clips.
        ids: of the files; None for one that is not there, or is known by its path.
    """

    root: Path
    entries: Sequence[ListEntry]
    ids: Sequence[Hashable | None]

    @classmethod
    def of(cls, root: Path, entries: Sequence[ListEntry], *, on_disk: bool = True) -> Listed:
        """Look for the files, or know them by their paths."""
        if not on_disk:
            return cls(root, entries, [None] * len(entries))
        return cls(root, entries, file_ids([join_names(root, e.path) for e in entries]))

    @classmethod
    def of_index(cls, index: VideoIndex, *, on_disk: bool = True) -> Listed:
        """The clips of an index."""
        return cls.of(index.root, [index.entry(i) for i in range(len(index))], on_disk=on_disk)


class Repeat(NamedTuple):
    """A clip that is listed again.

    Attributes:
        part: whose list names it again.
        entry: as it is listed there.
        first_part: whose list names it first.
        first: as it is listed there.
    """

    part: str
    entry: ListEntry
    first_part: str
    first: ListEntry

    @property
    def has_two_labels(self) -> bool:
        """Whether the clip has a label in both places, and not the same."""
        labels = [set(entry.labels) for entry in (self.first, self.entry)]
        return all(labels) and labels[0] != labels[1]

    @property
    def names(self) -> str:
        """The path of the clip, or both of them."""
        return " and ".join(dict.fromkeys((self.first.path, self.entry.path)))


def file_ids(paths: Sequence[str]) -> list[Hashable | None]:
    """What tells files apart, the same for a link and its target; None if nothing is there."""
    stored = [path for path in paths if is_address(path)]
    addresses = [as_path(path) for path in stored]
    # Of a video in a shard the shard is looked for.
    files = [path.parent if is_shard_path(path) else path for path in addresses]
    lacking = {p for p, found in zip(stored, find_all(files), strict=True) if found is None}

    def ask(first: int) -> list[Hashable | None]:
        some = paths[first : first + _FILES_AT_ONCE]
        return [(None if p in lacking else p) if is_address(p) else _file_id(p) for p in some]

    with ThreadPoolExecutor(_THREADS) as pool:
        return list(chain.from_iterable(pool.map(ask, range(0, len(paths), _FILES_AT_ONCE))))


def _file_id(path: str) -> Hashable | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return _pictures_id(Path(path)) if is_pattern(Path(path)) else None
    # Some file systems number no files.
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _pictures_id(pattern: Path) -> Hashable:
    """The folder if a pattern means all of its pictures, else which of them."""
    folder, files = pattern.parent, tuple(sorted(find_pictures(pattern.parent, pattern.name)))
    if not files:  # which is said where it is opened
        return os.path.normpath(pattern)
    of_folder = _file_id(str(folder))
    return of_folder if len(files) == len(find_pictures(folder)) else (of_folder, files)


def find_repeats(parts: Mapping[str, Listed]) -> list[Repeat]:
    """Clips that were listed before: the same file and the same window, in any part."""
    seen: dict[Hashable, tuple[str, ListEntry]] = {}
    repeats = []
    for part, (root, entries, ids) in parts.items():
        folder = as_path(absolute(root))
        for entry, file_id in zip(entries, ids, strict=True):
            path = os.path.normpath(join_names(folder, entry.path))
            key = (file_id or path, *entry.window)
            first_part, first = seen.setdefault(key, (part, entry))
            if first is not entry:
                repeats.append(Repeat(part, entry, first_part, first))
    return repeats


def check_lists(where: object, parts: Mapping[str, VideoIndex], *, on_disk: bool = True) -> None:
    """Refuse missing videos and videos under two labels; warn of what else is wrong.

    Args:
        where: the list or folder, for messages.
        parts: the videos of each part, by its name.
        on_disk: look for every file, and know files by what they are instead of by their paths.
            False for prepared data: preparing has looked for the files, and as official lists may
            name a video under two labels, that is a warning too.

    Raises:
        ValueError: If a video is missing or listed under two labels.

    Warns:
        VideoWarning: If a video is listed twice or in two parts, or class names look alike.
    """
    listed = {part: Listed.of_index(index, on_disk=on_disk) for part, index in parts.items()}
    if on_disk:
        for part in listed.values():
            _refuse_missing(where, part)
    repeats = find_repeats(listed)
    check_two_labels(where, repeats, refuse=on_disk)
    for name, part in listed.items():
        twice = [r for r in repeats if r.part == r.first_part == name and not r.has_two_labels]
        if twice:
            _warn(
                f"{where}: videos listed more than once{f' for {name}' if name else ''}: "
                f"{len(twice)}, the first is {twice[0].names}; remove all lines but one"
            )
        _warn_of_leaks(where, name, len(part.entries), repeats)
    if on_disk and len(parts) > 1:
        warn_of_shared_groups(where, *parts.values())
    warn_of_look_alikes(where, chain.from_iterable(index.class_names for index in parts.values()))
    groups = (part.groups.tolist() for part in parts.values() if part.groups is not None)
    warn_of_look_alikes(where, chain.from_iterable(groups), "groups")


def check_two_labels(where: object, repeats: Sequence[Repeat], *, refuse: bool = True) -> None:
    """Refuse, or warn of, clips that are listed under two labels.

    Raises:
        ValueError: If there is one.
    """
    found = [repeat for repeat in repeats if repeat.has_two_labels]
    if not found:
        return
    one, other = found[0].first.label, found[0].entry.label
    text = (
        f"{where}: videos listed under two labels: {len(found)}, the first is {found[0].names} as "
        f"{one!r} and {other!r}; keep one, or write {one}|{other} in a list if it shows both"
    )
    if refuse:
        raise ValueError(text)
    _warn(text)


def _refuse_missing(where: object, listed: Listed) -> None:
    root, entries, ids = listed
    gone = [entry.path for entry, i in zip(entries, ids, strict=True) if i is None]
    if gone:
        is_link = join(root, gone[0]).is_symlink()
        raise ValueError(
            f"{where}: {len(gone)} of {counted(len(entries), 'video')} "
            f"{'is' if len(gone) == 1 else 'are'} missing, the first is {gone[0]}"
            f"{', a symbolic link to nothing' if is_link else ''}; remove them, or prepare the "
            "data with 'motionlens prepare', which leaves them out"
        )


def _warn_of_leaks(where: object, name: str, number: int, repeats: Sequence[Repeat]) -> None:
    leaked = [repeat for repeat in repeats if repeat.part == name != repeat.first_part]
    if leaked:
        _warn(
            f"{where}: {len(leaked)} of {counted(number, 'video')} for {name} "
            f"{'is' if len(leaked) == 1 else 'are'} among those for {leaked[0].first_part}, such "
            f"as {leaked[0].names}; figures on them are too good, take them out of one part"
        )


def _warn(text: str) -> None:
    warnings.warn(text, VideoWarning, stacklevel=4)
