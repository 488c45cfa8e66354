"""Videos with their labels, as arrays."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.addresses import join
from motionlens._utils.errors import nearest, printable
from motionlens.video.file import open_video
from motionlens.video.frames import FOLDER_FPS, VideoReader

# Between the class names of a video that has several.
LABEL_SEPARATOR = "|"


def normal_name(name: str) -> str:
    """A class name as all lists and folders are understood: NFC, without spaces around it."""
    return unicodedata.normalize("NFC", name.strip())


def check_class_text(names: Iterable[str]) -> None:
    """Check that class names are text that can be shown and written.

    Raises:
        ValueError: If one holds a line break, another control character or broken UTF-8.
    """
    for name in names:
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
            raise ValueError(
                f"class_names must hold no line breaks, control characters or broken UTF-8, got "
                f"'{printable(name)}'; rename the class or its folder"
            )


class ListEntry(NamedTuple):
    """A clip as a list names it.

    Attributes:
        path: as the list has it.
        label: name of the class, several as ``one|other``; empty if unknown.
        start_s: where the clip begins in the video, seconds; nan for the start of the video.
        end_s: where it ends, seconds; nan for the end of the video.
        group: the person or scene that it shows; clips of one group train or validate together.
            Empty if unknown.
    """

    path: str
    label: str
    start_s: float = math.nan
    end_s: float = math.nan
    group: str = ""

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in their normal form; none if unknown."""
        return [normal_name(n) for n in self.label.split(LABEL_SEPARATOR)] if self.label else []

    @property
    def window(self) -> tuple[float | None, float | None]:
        """Start and end of the clip in its video, seconds; None where the list does not say."""
        start, end = self.start_s, self.end_s
        return None if math.isnan(start) else start, None if math.isnan(end) else end

    @property
    def key(self) -> tuple[str, float | None, float | None]:
        """Path and window, by which clips are told apart."""
        return self.path, *self.window


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """Videos with their labels.

    The paths are an array, not a list: counting references to a list's strings would copy its
    memory into every worker, little by little.

    Attributes:
        root: folder that relative paths start from.
        paths: str ``(V,)``, video files or frame folders.
        labels: int64 ``(V,)``, in ``0..len(class_names) - 1``, or -1 where unknown; of
            several labels the first.
        class_names: name of each label, distinct.
        starts_s: float64 ``(V,)``, where the clip begins in its video; nan: at its start.
        ends_s: float64 ``(V,)``, where it ends; nan: at its end.
        fps: frames per second of frame folders.
        groups: str ``(V,)``, the person or scene of each; None where unknown.
        targets: bool ``(V, K)``, which classes a video shows, where videos may show several; None
            where each shows one.
        flip_pairs: class names that swap when a clip is mirrored left to right, where the data
            set's catalogue knows; None where unknown.

    Raises:
        ValueError: If lengths differ or a label has no name.
    """

    root: Path
    paths: NDArray[np.str_]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    fps: float = FOLDER_FPS
    groups: NDArray[np.str_] | None = None
    targets: NDArray[np.bool_] | None = None
    flip_pairs: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        lengths = set(map(len, self.columns().values()))
        if len(lengths) > 1:
            raise ValueError(
                f"paths, labels, starts_s and ends_s must be equally long, got {sorted(lengths)}; "
                "give one of each a video"
            )
        if len(set(self.class_names)) < len(self.class_names):
            twice = Counter(self.class_names).most_common(1)[0][0]
            raise ValueError(f"class_names must be distinct, got {twice!r} twice; remove one")
        check_class_text(self.class_names)
        if len(self) and not (-1 <= self.labels.min() and self.labels.max() < self.num_classes):
            raise ValueError(
                f"labels must lie in 0..{self.num_classes - 1}, or be -1 where unknown, got "
                f"{self.labels.min()}..{self.labels.max()}; name every class"
            )
        if self.targets is not None and self.targets.shape != (len(self), self.num_classes):
            raise ValueError(
                f"targets must be ({len(self)}, {self.num_classes}), got {self.targets.shape}"
            )

    @classmethod
    def of(
        cls,
        root: Path,
        entries: Sequence[ListEntry],
        class_names: Sequence[str] | None = None,
        fps: float = FOLDER_FPS,
    ) -> VideoIndex:
        """Index entries, whose class names become labels; sorted, unless their order is given.

        Raises:
            ValueError: If an entry's class is not among ``class_names``.
        """
        label_sets = [entry.labels for entry in entries]
        names = tuple(_sort_names({label for labels in label_sets for label in labels}))
        numbers = {name: label for label, name in enumerate(names)}
        targets = None
        if any(len(labels) > 1 for labels in label_sets):
            targets = np.zeros((len(entries), len(names)), dtype=np.bool_)
            for row, labels in zip(targets, label_sets, strict=True):
                row[[numbers[label] for label in labels]] = True
        first = [numbers[labels[0]] if labels else -1 for labels in label_sets]
        index = cls(
            root=root,
            paths=np.array([entry.path for entry in entries], dtype=np.str_),
            labels=np.array(first, dtype=np.int64),
            class_names=names,
            starts_s=np.array([entry.start_s for entry in entries], dtype=np.float64),
            ends_s=np.array([entry.end_s for entry in entries], dtype=np.float64),
            fps=fps,
            groups=np.array([e.group for e in entries]) if any(e.group for e in entries) else None,
            targets=targets,
        )
        return index if class_names is None else index.with_classes(tuple(class_names))

    @classmethod
    def of_paths(cls, paths: Sequence[str], fps: float = FOLDER_FPS) -> VideoIndex:
        """Index videos without labels; ``fps`` is the rate of frame folders."""
        return cls.of(Path(), [ListEntry(path, "") for path in paths], class_names=(), fps=fps)

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def num_classes(self) -> int:
        """How many classes there are, those without a video included."""
        return len(self.class_names)

    def path(self, i: int) -> Path:
        """Path of video ``i``."""
        return join(self.root, str(self.paths[i]))

    def open(self, i: int) -> VideoReader:
        """Open clip ``i``, restricted to its window.

        Raises:
            VideoError: If it cannot be opened.

        Warns:
            VideoWarning: If it has one frame only.
        """
        start_s, end_s = self.window(i)
        reader = open_video(self.path(i), start_s=start_s, end_s=end_s, fps=self.fps)
        reader.warn_of_stillness()
        return reader

    def entry(self, i: int) -> ListEntry:
        """Clip ``i`` as a list names it."""
        shown = self.labels[[i]] if self.targets is None else np.flatnonzero(self.targets[i])
        label = LABEL_SEPARATOR.join(self.class_names[n] for n in shown if n >= 0)
        group = "" if self.groups is None else str(self.groups[i])
        start_s, end_s = float(self.starts_s[i]), float(self.ends_s[i])
        return ListEntry(str(self.paths[i]), label, start_s, end_s, group)

    def window(self, i: int) -> tuple[float | None, float | None]:
        """Start and end of clip ``i`` in its video, seconds; None where it has none."""
        return self.entry(i).window

    @property
    def is_labelled(self) -> bool:
        """Whether every video has a label."""
        return bool((self.labels >= 0).all())

    def with_targets(self) -> VideoIndex:
        """The same videos with ``targets``, made of the labels where there are none yet."""
        if self.targets is not None:
            return self
        targets = self.labels[:, None] == np.arange(self.num_classes)
        return replace(self, targets=targets)

    def with_classes(self, class_names: tuple[str, ...]) -> VideoIndex:
        """The same videos with labels counted in other class names, which hold all of these.

        Raises:
            ValueError: If a class is not among them.
        """
        known = {normal_name(name): label for label, name in enumerate(class_names)}
        for name in self.class_names:
            if normal_name(name) not in known:
                raise ValueError(
                    f"{self.root}: class {name!r} is not known{nearest(name, class_names)}; known "
                    f"are {', '.join(class_names[:10])}{', ...' if len(class_names) > 10 else ''}"
                )
        places = np.array([known[normal_name(n)] for n in self.class_names], dtype=np.int64)
        # The one more is for -1, which stays.
        labels = np.append(places, -1)[self.labels]
        targets = None
        if self.targets is not None:
            targets = np.zeros((len(self), len(class_names)), dtype=np.bool_)
            targets[:, places] = self.targets
        return replace(self, labels=labels, class_names=class_names, targets=targets)

    def subset(self, indices: Sequence[int] | NDArray[np.int64]) -> VideoIndex:
        """The videos at ``indices``, in that order, with all class names."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(self, **{name: column[chosen] for name, column in self.columns().items()})

    def columns(self) -> dict[str, Any]:
        """The arrays with a row per video, by the names of their attributes."""
        return {name: v for name, v in vars(self).items() if isinstance(v, np.ndarray)}

    def counts(self) -> dict[str, int]:
        """Number of videos of each class, by name, in the order of the labels."""
        if self.targets is not None:
            numbers = self.targets.sum(axis=0)
        else:
            numbers = np.bincount(self.labels[self.labels >= 0], minlength=self.num_classes)
        return dict(zip(self.class_names, numbers.tolist(), strict=True))


def _sort_names(names: Iterable[str]) -> list[str]:
    """Alphabetical; by value if all are whole numbers, so that 10 does not come before 2."""
    names = sorted(names)
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names
