"""Warn of names of classes and groups that look like one name."""

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

from motionlens.clips.video_index import normal_name
from motionlens.video.frames import VideoWarning


def warn_of_look_alikes(where: object, names: Iterable[str], kind: str = "classes") -> None:
    """Warn of names that differ only in letter case, spaces, zeros before a number or a comment.

    Args:
        where: the list or folder, for messages.
        names: of one kind.
        kind: what has the names, several of them.

    Warns:
        VideoWarning: For each name that looks like an earlier one.
    """
    for other, name in _alike(names, _letters):
        _warn(
            f"{where}: the {kind} {_shown(other)} and {_shown(name)} look alike and are taken for "
            "two; if they are one, give them one name"
        )


def warn_of_spellings(where: object, names: Iterable[str]) -> None:
    """Warn of names that are understood as one class and written differently: é has two forms.

    Warns:
        VideoWarning: If there are any.
    """
    for other, name in _alike(names, normal_name):
        _warn(
            f"{where}: {other!a} and {name!a} are one class, {normal_name(name)!r}; write it in "
            "one way"
        )


def warn_of_decimals(where: object, names: Sequence[str]) -> None:
    """Warn of labels such as 0.0, which pandas writes for whole numbers where one is missing."""
    if names and all(re.fullmatch(r"-?\d+\.0+", name) for name in names):
        _warn(
            f"{where}: labels are whole numbers with decimals, such as {names[0]}, and name the "
            f"classes as they stand; write {names[0].partition('.')[0]} if that is the class"
        )


def _alike(names: Iterable[str], key: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Each name whose key an earlier name has, behind the first such name."""
    first: dict[str, str] = {}
    for name in dict.fromkeys(names):
        other = first.setdefault(key(name), name)
        if other != name:
            yield other, name


def _letters(name: str) -> str:
    """A name without what a reader overlooks: case, spaces, zeros, a comment behind it."""
    text = unicodedata.normalize("NFKC", re.sub(r"\s#.*", "", name)).casefold()
    text = re.sub(r"(?<![\d.])0+(?=\d)", "", text.strip())
    text = re.sub(r"^(\d+)\.0+$", r"\1", text)
    return "".join(c for c in text if c != "_" and unicodedata.category(c)[0] not in "CZ")


def _shown(name: str) -> str:
    """A name in quotes, in which spaces that follow each other can be counted."""
    return re.sub(" {2,}", lambda spaces: "\u2423" * len(spaces[0]), repr(name))


def _warn(text: str) -> None:
    warnings.warn(text, VideoWarning, stacklevel=4)
