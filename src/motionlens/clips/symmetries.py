"""Flips and time reversal that know what they do to a label: a move to the left goes right."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.errors import nearest

# Words in the names of classes that a flip swaps.
OPPOSITES = {"horizontal_flip": ("left", "right"), "vertical_flip": ("up", "down")}

Label = TypeVar("Label", int, NDArray[np.bool_])
# Allowed symmetries, by name: int64 ``(K,)``, the label that each label becomes.
Swaps = Mapping[str, NDArray[np.int64]]

# Each symmetry with the axis of frames ``(T, 3, H, W)`` that it reverses.
AXES = {"horizontal_flip": 3, "vertical_flip": 2, "time_reversal": 0}


@dataclass(frozen=True)
class LabelSymmetries:
    """What mirroring a clip does to its class; nothing is mirrored unless declared here.

    Attributes:
        horizontal_flip: left becomes right. None: not allowed. A mapping: allowed, and these
            classes swap, by name, either way round; ``{}``: allowed, and every class stays.
        vertical_flip: up becomes down; the same values.
        time_reversal: the last frame becomes the first; the same values.

    Example:
        >>> symmetries = LabelSymmetries(horizontal_flip={"move_left": "move_right"})
        >>> swaps = symmetries.resolve(["move_left", "move_right", "zoom_in"])
        >>> label_after(0, ["horizontal_flip"], swaps)
        1
    """

    horizontal_flip: Mapping[str, str] | None = None
    vertical_flip: Mapping[str, str] | None = None
    time_reversal: Mapping[str, str] | None = None

    def resolve(self, class_names: Sequence[str]) -> Swaps:
        """Turn names into labels.

        Args:
            class_names: name of each label, distinct.

        Raises:
            ValueError: If a name is unknown or in two pairs, or two symmetries contradict each
                other: applied in either order they must lead to the same class.
        """
        declared = {name: getattr(self, name) for name in AXES}
        swaps = {
            name: _swap(name, pairs, class_names)
            for name, pairs in declared.items()
            if pairs is not None
        }
        for (one, first), (other, second) in combinations(swaps.items(), 2):
            differing = np.flatnonzero(first[second] != second[first])
            if len(differing):
                raise ValueError(
                    f"{one} and {other} must lead to the same class in either order, for "
                    f"{class_names[differing[0]]!r} they do not; correct their pairs"
                )
        return swaps


def draw_symmetries(swaps: Swaps, rng: np.random.Generator) -> list[str]:
    """Choose each allowed symmetry with probability one half; returns their names."""
    # Always three numbers, so that declaring one symmetry leaves other draws as they were.
    coins = rng.random(len(AXES)) < 0.5
    return [name for name, coin in zip(AXES, coins, strict=True) if coin and name in swaps]


def label_after(label: Label, applied: Iterable[str], swaps: Swaps) -> Label:
    """The label of a clip that has undergone symmetries.

    Args:
        label: the clip's label before, in ``0..K - 1``; or its targets, ``(K,)``.
        applied: names of symmetries, all of which must be allowed.
        swaps: of the allowed symmetries.
    """
    for name in applied:
        # A swap is its own inverse, so that indexing with it moves targets as well.
        swap = swaps[name]
        label = int(swap[label]) if isinstance(label, int) else label[swap]
    return label


def pairs_by_name(axis: str, class_names: Sequence[str]) -> dict[str, str]:
    """Classes whose names say that a flip swaps them, such as ``move_left`` and ``move_right``.

    Args:
        axis: a key of :data:`OPPOSITES`.
        class_names: of all classes.

    Returns:
        Name to name; empty if there are none, or a name's counterpart is missing.

    Example:
        >>> pairs_by_name("horizontal_flip", ["Swipe Left", "Swipe Right", "wave"])
        {'Swipe Left': 'Swipe Right'}
    """
    one, other = OPPOSITES[axis]
    known = {name.lower(): name for name in class_names}
    pairs: dict[str, str] = {}
    for name in class_names:
        words = re.split(r"([^\W_]+)", name.lower())
        if {one, other} & set(words):
            swapped = "".join({one: other, other: one}.get(word, word) for word in words)
            if swapped not in known:
                return {}
            if name not in pairs.values():
                pairs[name] = known[swapped]
    return pairs


def _swap(field: str, pairs: Mapping[str, str], class_names: Sequence[str]) -> NDArray[np.int64]:
    labels = {name: label for label, name in enumerate(class_names)}
    for name in (name for pair in pairs.items() for name in pair):
        if name not in labels:
            raise ValueError(
                f"{field} must name classes, as in {{left: right}} with a space after the colon, "
                f"{name!r} is none{nearest(name, class_names)}; "
                f"known: {', '.join(class_names)}"
            )
    swap = np.arange(len(class_names), dtype=np.int64)
    partner: dict[str, str] = {}
    for pair in pairs.items():
        for name, other in (pair, pair[::-1]):
            if partner.setdefault(name, other) != other:
                raise ValueError(
                    f"{field} must put a class into one pair, got {name!r} with "
                    f"{partner[name]!r} and with {other!r}; keep one of them"
                )
            swap[labels[name]] = labels[other]
    return swap
