"""Flips and time reversal that know what they do to a label: a move to the left goes right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Label = TypeVar("Label", int, NDArray[np.bool_])


class AppliedSymmetries(NamedTuple):
    """Which symmetries a clip undergoes."""

    horizontal_flip: bool
    vertical_flip: bool
    time_reversal: bool


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
        >>> resolved = symmetries.resolve(["move_left", "move_right", "zoom_in"])
        >>> resolved.label_after(0, AppliedSymmetries(True, False, False))
        1
    """

    horizontal_flip: Mapping[str, str] | None = None
    vertical_flip: Mapping[str, str] | None = None
    time_reversal: Mapping[str, str] | None = None

    def resolve(self, class_names: Sequence[str]) -> ResolvedSymmetries:
        """Turn names into labels.

        Args:
            class_names: name of each label, distinct.

        Raises:
            ValueError: If a name is unknown or in two pairs, or two symmetries contradict each
                other: applied in either order they must lead to the same class.
        """
        permutations: dict[str, NDArray[np.int64] | None] = {}
        for field in AppliedSymmetries._fields:
            pairs = getattr(self, field)
            permutations[field] = None if pairs is None else _swap(field, pairs, class_names)
        declared = {field: swap for field, swap in permutations.items() if swap is not None}
        for (one, first), (other, second) in combinations(declared.items(), 2):
            differing = np.flatnonzero(first[second] != second[first])
            if len(differing):
                raise ValueError(
                    f"{one} and {other} must lead to the same class in either order, for "
                    f"{class_names[differing[0]]!r} they do not; correct their pairs"
                )
        return ResolvedSymmetries(**permutations)


@dataclass(frozen=True, eq=False)
class ResolvedSymmetries:
    """Symmetries in terms of labels.

    Attributes:
        horizontal_flip: int64 ``(K,)``, the label that each label becomes; None: not allowed.
        vertical_flip: the same.
        time_reversal: the same.
    """

    horizontal_flip: NDArray[np.int64] | None = None
    vertical_flip: NDArray[np.int64] | None = None
    time_reversal: NDArray[np.int64] | None = None

    def draw(self, rng: np.random.Generator) -> AppliedSymmetries:
        """Choose each allowed symmetry with probability one half."""
        # Always three numbers, so that declaring one symmetry leaves other draws as they were.
        coins = rng.random(3) < 0.5
        return AppliedSymmetries(
            *(
                bool(coin) and getattr(self, field) is not None
                for field, coin in zip(AppliedSymmetries._fields, coins, strict=True)
            )
        )

    def label_after(self, label: Label, applied: AppliedSymmetries) -> Label:
        """The label of a clip that has undergone symmetries.

        Args:
            label: the clip's label before, in ``0..K - 1``; or its targets, ``(K,)``.
            applied: symmetries, all of which must be allowed.
        """
        for field, is_applied in applied._asdict().items():
            if is_applied:
                swap = getattr(self, field)
                # A swap is its own inverse, so that indexing with it moves targets as well.
                label = int(swap[label]) if isinstance(label, int) else label[swap]
        return label


def _swap(field: str, pairs: Mapping[str, str], class_names: Sequence[str]) -> NDArray[np.int64]:
    labels = {name: label for label, name in enumerate(class_names)}
    for name in (name for pair in pairs.items() for name in pair):
        if name not in labels:
            near = get_close_matches(name, class_names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(class_names)}"
            raise ValueError(f"{field} must name classes, {name!r} is none; {hint}")
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
