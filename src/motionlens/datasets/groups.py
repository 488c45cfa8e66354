"""Which person or scene a video shows, and takes of one that lie on both sides of a split."""

import os
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from motionlens._utils.addresses import absolute, as_path, is_address
from motionlens._utils.csv_files import read_csv
from motionlens._utils.errors import one_line
from motionlens._utils.resource_limits import interrupted_after
from motionlens.clips.video_index import ListEntry, VideoIndex, normal_name
from motionlens.video.frames import VideoWarning

# What an expression may take on the paths of a data set.
_MOST_SECONDS = 5.0
# What is put behind the name of a file that is made of another one.
_COPY = re.compile(
    r"([ _-]+(copy|flip|flipped|mirror|mirrored|aug|augmented)|[ _-]*\(\d+\))$", re.IGNORECASE
)
# Folders that name a part, not a person or scene.
_PARTS = frozenset({"train", "training", "validation", "valid", "val", "test"})


def group_column(group: str | None) -> str | None:
    """The column of a list that ``listing.group`` names; None if it is a file or a pattern."""
    return None if group is None or "(" in group or _is_file(group) else group


def _is_file(group: str) -> bool:
    return is_address(group) or os.path.isfile(group)


def with_groups(index: VideoIndex, group: str | None) -> VideoIndex:
    """The same videos with the groups that ``listing.group`` says.

    Args:
        index: the videos; of a column their list or prepared set has brought the groups.
        group: name of a column; CSV file with the columns path and another; or a regular
            expression, whose brackets capture the group in a video's path. None for what is known.

    Raises:
        ValueError: If a video has no group, or the file or pattern cannot be used.
    """
    if group is None or (group_column(group) and index.groups is not None):
        return index
    if group_column(group):
        raise ValueError(
            f"listing.group is {group}, but {index.root} has no such column; give a pattern with "
            "brackets, such as '(person[0-9]+)_', or a file of path and group"
        )
    found = _from_file(index, group) if _is_file(group) else _from_pattern(index, group)
    lacking = [str(index.paths[i]) for i, name in enumerate(found) if not name]
    if lacking:
        raise ValueError(
            f"listing.group {group} must give every video a group, it gives {len(lacking)} of "
            f"{len(index)} none, the first is {lacking[0]}; correct it"
        )
    return replace(index, groups=np.array([normal_name(name) for name in found], dtype=np.str_))


def _from_file(index: VideoIndex, file: str) -> list[str]:
    rows = read_csv(as_path(file), ("path",), hint="write path and group of every video")
    others = [name for name in (rows[0] if rows else {}) if name != "path"]
    if len(others) != 1:
        raise ValueError(
            f"{file}: must have the columns path and one other, it has {len(others)} others; "
            "remove the rest"
        )
    folder = os.path.dirname(absolute(file))
    groups = {row["path"]: row[others[0]].strip() for row in rows}
    whole = {os.path.normpath(os.path.join(folder, p)): g for p, g in groups.items()}
    return [
        groups.get(str(index.paths[i])) or whole.get(os.path.normpath(absolute(index.path(i))), "")
        for i in range(len(index))
    ]


def _from_pattern(index: VideoIndex, pattern: str) -> list[str]:
    # Brackets and stars within one another make an expression that tries for ever.
    try:
        with interrupted_after(_MOST_SECONDS):
            compiled = re.compile(pattern)
            found = [compiled.search(str(path)) for path in index.paths]
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(
            f"listing.group must be a regular expression, got {pattern:.99}: {one_line(error)}"
        ) from None
    except TimeoutError:
        raise ValueError(
            f"listing.group must find the groups of {len(index)} paths within "
            f"{_MOST_SECONDS:g} s, {pattern:.99} does not; write a simpler expression"
        ) from None
    return [" ".join(filter(None, match.groups())) if match else "" for match in found]


def warn_of_shared_groups(where: object, train: VideoIndex, validation: VideoIndex) -> None:
    """Warn of groups, or without them of takes of one thing, that train and validate.

    Args:
        where: the list or folder, for messages.
        train: the training videos.
        validation: the validation videos.

    Warns:
        VideoWarning: If there are any.
    """
    if train.groups is not None and validation.groups is not None:
        shared = sorted({*train.groups.tolist()} & {*validation.groups.tolist()})
        if shared:
            number = int(np.isin(validation.groups, shared).sum())
            _warn(
                f"{where}: {number} of {len(validation)} validation videos are of groups that are "
                f"trained on as well, such as {shared[0]}; figures on them are too good, give "
                "each group to one part"
            )
        return
    entries = ([part.entry(i) for i in range(len(part))] for part in (train, validation))
    if pairs := shared_takes(*entries):
        one, other = pairs[0]
        _warn(
            f"{where}: {len(pairs)} of {len(validation)} validation videos look like further takes "
            f"of what is trained on, such as {other} and {one}; figures on them are too good if "
            "they show one person or scene, which --listing.group keeps on one side"
        )


def shared_takes(
    train: Sequence[ListEntry], validation: Sequence[ListEntry]
) -> list[tuple[str, str]]:
    """Training and validation clips that seem to be takes of one thing, by their names alone.

    These are clips of one video; files whose names differ in a mark such as ``(1)`` or ``_copy``
    or in their suffix; and, where a class has several series such as ``anna_1, anna_2, ben_1``,
    members of one series. A class whose names are a running number alone tells nothing.

    Returns:
        A training clip and a validation clip, for each validation clip that has one.
    """
    names = [_Name.of(entry) for entry in train]
    sizes = Counter((name.label, name.series) for name in (*names, *map(_Name.of, validation)))
    series_of: dict[str, int] = defaultdict(int)
    for (label, _), size in sizes.items():
        series_of[label] += size > 1
    by_stem = {name.stem: entry for name, entry in zip(names, train, strict=True)}
    by_series = {(n.label, n.series): e for n, e in zip(names, train, strict=True)}
    trained = set(map(_clip, train))
    pairs = []
    for entry in validation:
        if _clip(entry) in trained:
            continue  # no further take, but the very same clip, which is warned of as such
        name = _Name.of(entry)
        other = by_stem.get(name.stem)
        if other is None and series_of[name.label] > 1:
            other = by_series.get((name.label, name.series))
        if other is not None:
            pairs.append((other.path, entry.path))
    return pairs


def _clip(entry: ListEntry) -> tuple[str, float | None, float | None]:
    return os.path.normpath(entry.path), *entry.window


class _Name(NamedTuple):
    """What the name of a clip's file says.

    Attributes:
        label: of the clip.
        stem: folder and name without suffix and mark of a copy.
        series: the stem around its last number.
    """

    label: str
    stem: str
    series: tuple[str, ...]

    @classmethod
    def of(cls, entry: ListEntry) -> "_Name":
        stem = _COPY.sub("", os.path.splitext(os.path.normpath(entry.path))[0])
        where = "/".join(word for word in stem.split("/") if word not in _PARTS)
        parts = re.fullmatch(r"(.*?)\d+(\D*)", where, flags=re.DOTALL)
        return cls(entry.label, stem, (parts[1], parts[2]) if parts else (where,))


def _warn(text: str) -> None:
    warnings.warn(text, VideoWarning, stacklevel=4)
