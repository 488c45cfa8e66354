"""Videos with their labels, as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cpnet.data.lists import ListEntry


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """Videos with their labels.

    The paths are an array, not a list: counting references to a list's strings would copy its
    memory into every worker, little by little.

    Attributes:
        root: folder that relative paths start from.
        paths: str ``(V,)``, video files or frame folders.
        labels: int64 ``(V,)``, in ``0..len(class_names) - 1``.
        class_names: name of each label, distinct.
        starts_s: float64 ``(V,)``, where the clip begins in its video; nan: at its start.
        ends_s: float64 ``(V,)``, where it ends; nan: at its end.
        fps: frames per second of frame folders.

    Raises:
        ValueError: If lengths differ or a label has no name.
    """

    root: Path
    paths: NDArray[np.str_]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    fps: float = 12.0

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, n)) for n in ("paths", "labels", "starts_s", "ends_s")}
        if len(lengths) > 1:
            raise ValueError(
                f"paths, labels, starts_s and ends_s must be equally long, got {sorted(lengths)}; "
                "give one of each a video"
            )
        if len(set(self.class_names)) < len(self.class_names):
            twice = Counter(self.class_names).most_common(1)[0][0]
            raise ValueError(f"class_names must be distinct, got {twice!r} twice; remove one")
        if len(self) and not (0 <= self.labels.min() and self.labels.max() < self.num_classes):
            raise ValueError(
                f"labels must lie in 0..{self.num_classes - 1}, got {self.labels.min()}.."
                f"{self.labels.max()}; name every class"
            )

    @classmethod
    def of(
        cls,
        root: Path,
        entries: Sequence[ListEntry],
        class_names: Sequence[str] | None = None,
        fps: float = 12.0,
    ) -> VideoIndex:
        """Index entries, whose class names become labels; sorted, unless their order is given.

        Raises:
            ValueError: If an entry's class is not among ``class_names``.
        """
        found = {entry.label for entry in entries}
        names = tuple(_sort_names(found) if class_names is None else class_names)
        labels = {name: label for label, name in enumerate(names)}
        for name in sorted(found - labels.keys()):
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
            raise ValueError(f"{root}: class {name!r} is not among the class names; {hint}")
        return cls(
            root=root,
            paths=np.array([entry.path for entry in entries], dtype=np.str_),
            labels=np.array([labels[entry.label] for entry in entries], dtype=np.int64),
            class_names=names,
            starts_s=np.array([entry.start_s for entry in entries], dtype=np.float64),
            ends_s=np.array([entry.end_s for entry in entries], dtype=np.float64),
            fps=fps,
        )

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def num_classes(self) -> int:
        """How many classes there are, those without a video included."""
        return len(self.class_names)

    def path(self, i: int) -> Path:
        """Where video ``i`` lies."""
        return self.root / str(self.paths[i])

    def window(self, i: int) -> tuple[float | None, float | None]:
        """Start and end of clip ``i`` in its video, seconds; None where it has none."""
        start, end = float(self.starts_s[i]), float(self.ends_s[i])
        return None if np.isnan(start) else start, None if np.isnan(end) else end

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> VideoIndex:
        """The videos at ``indices``, in that order, with all class names."""
        chosen = np.asarray(indices, dtype=np.int64)
        columns = ("paths", "labels", "starts_s", "ends_s")
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    def counts(self) -> dict[str, int]:
        """Number of videos of each class, by name, in the order of the labels."""
        numbers = np.bincount(self.labels, minlength=self.num_classes)
        return dict(zip(self.class_names, numbers.tolist(), strict=True))


def _sort_names(names: Iterable[str]) -> list[str]:
    """Alphabetical; by value if all are whole numbers, so that 10 does not come before 2."""
    names = sorted(names)
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names
