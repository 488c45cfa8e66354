"""What the catalogue knows of a data set, and what the lists of a copy say."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from motionlens._utils.addresses import as_path
from motionlens._utils.errors import nearest
from motionlens.clips.video_index import ListEntry, normal_name
from motionlens.datasets.prepared import Part


@dataclass(frozen=True, kw_only=True)
class OfficialCopy:
    """What the lists of a copy say; whether the videos exist is not checked yet.

    Attributes:
        folder: where the entries' paths start.
        parts: the entries of each part, in the order of its list; a video that was not found
            has its usual path.
        class_names: in the order of the labels.
        num_videos: official number of videos per part, if it depends on the options; else None.
        fps: frames per second of frame folders; None for the data set's own.
        notes: sentences for the reader of the report.
    """

    folder: Path
    parts: Mapping[Part, Sequence[ListEntry]]
    class_names: tuple[str, ...]
    num_videos: Mapping[Part, int] | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()


class Option(NamedTuple):
    """Something that a user may say about a copy.

    Attributes:
        kind: type of the value.
        help: what it means, for ``motionlens prepare --help``.
    """

    kind: type
    help: str


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A data set of the catalogue.

    Attributes:
        name: for commands, such as ``"jester"``.
        title: for people, such as ``"Jester v1"``.
        layout: usual places of its files under the root, separated by ``"; "``.
        reader: reads the lists under a root; keyword arguments are the options.
        options: keyword arguments of ``reader``, by name.
        fps: frames per second of its frame folders; video files have their own.
        short_side: of packed frames by default, pixels: that of the official files or the usual
            one.
        recipe: file in ``recipes/`` that trains on the whole data set.
        submission_labels: classes per line, best first, in the leaderboard's form
            ``id;label;...``; None without a leaderboard.
        num_classes: official number; None for the user's own data.
        num_videos: official number of each part, where it is publicly known.
        swaps: pairs of words that a horizontal flip exchanges in class names; None if it is
            unknown what mirroring does to a class.
    """

    name: str
    title: str
    layout: str
    reader: Callable[..., OfficialCopy] = field(repr=False)
    options: Mapping[str, Option] = field(default_factory=dict)
    fps: float = 12.0
    short_side: int = 256
    recipe: str = "modern.yaml"
    submission_labels: int | None = None
    num_classes: int | None = None
    num_videos: Mapping[Part, int] = field(default_factory=dict)
    swaps: tuple[tuple[str, str], ...] | None = (("left", "right"),)

    def read(self, root: str | os.PathLike[str], **options: Any) -> OfficialCopy:
        """Read the official lists under ``root``; no video is opened.

        Args:
            root: folder of the copy.
            **options: of this data set, such as ``split=2``; None means the default.

        Returns:
            The entries of each part with the class names.

        Raises:
            ValueError: If an option is unknown, a list is missing or damaged, or a training or
                validation video has no class or an unknown one.
        """
        given = {name: value for name, value in options.items() if value is not None}
        for name in given:
            if name not in self.options:
                known = ", ".join(self.options) or "no options"
                raise ValueError(f"{name} is no option of {self.name}, which takes {known}")
        path = as_path(root)
        if not path.exists():
            raise ValueError(f"root must hold {self.title}, {path} does not exist; check the path")
        copy = self.reader(path, **given)
        copy = replace(copy, class_names=tuple(map(normal_name, copy.class_names)))
        _check_labels(path, copy, has_background="background" in given)
        return copy

    def flip_pairs(self, class_names: Sequence[str]) -> dict[str, str] | None:
        """Class names that swap when a clip is mirrored left to right.

        Args:
            class_names: all classes of the data set.

        Returns:
            Each pair once; empty if mirroring changes no class; None if unknown.
        """
        return None if self.swaps is None else swap_words(class_names, self.swaps)


def _check_labels(root: Path, copy: OfficialCopy, *, has_background: bool) -> None:
    known = set(copy.class_names)
    for part, entries in copy.parts.items():
        for entry in entries:
            if not entry.label and part != "test" and not has_background:
                raise ValueError(
                    f"{root}: the {part} list must name the class of every video, it does not for "
                    f"{entry.path}; take the official list"
                )
            for label in entry.labels:
                if label not in known:
                    raise ValueError(
                        f"{root}: every class of the {part} list must be in the class file, "
                        f"{label!r} is not{nearest(label, known)}; take both of one version"
                    )


def swap_words(class_names: Sequence[str], swaps: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Pairs of classes whose names become each other when words are exchanged.

    A name whose counterpart is no class is left out: in "pulling it right out" nothing moves to
    the right. Only whole words count, in any letter case.

    Args:
        class_names: all classes.
        swaps: the words that are exchanged, all at once.

    Returns:
        Each pair once, from the name that comes first to the other.

    Example:
        >>> names = ["From right to left", "From left to right", "Pulling it right out"]
        >>> swap_words(names, [("left", "right")])
        {'From right to left': 'From left to right'}
    """
    partner = {word: other for pair in swaps for word, other in (pair, pair[::-1])}
    pattern = re.compile(rf"(?<![A-Za-z])({'|'.join(partner)})(?![A-Za-z])", re.IGNORECASE)

    def exchange(found: re.Match[str]) -> str:
        word = found.group()
        other = partner[word.lower()]
        return other.capitalize() if word[0].isupper() else other

    known, pairs = set(class_names), dict[str, str]()
    for name in class_names:
        other = pattern.sub(exchange, name)
        if other != name and other in known and other not in pairs:
            pairs[name] = other
    return pairs
