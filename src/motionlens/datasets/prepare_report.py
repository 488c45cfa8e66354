"""What ``motionlens prepare`` found, as numbers and as a page to read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from motionlens._utils.numbers import counted
from motionlens._utils.tables import markdown_table
from motionlens.datasets.frame_rates import Rates, are_mixed, describe_rates
from motionlens.datasets.prepared import Part

_COLUMNS = ("listed", "official", "usable", "missing", "unreadable", "short", "damaged")


@dataclass(frozen=True, kw_only=True)
class PartReport:
    """Numbers of videos in one part.

    Attributes:
        listed: in the official list.
        usable: in the index.
        missing: not there.
        unreadable: there, but cannot be opened or decoded.
        short: readable, but with too few frames.
        damaged: usable, but with a fault such as a wrong frame count; counted in ``usable``.
        official: official number; None if unknown.
        frames: of the usable videos, fewest, median and most; None if they were not counted.
    """

    listed: int
    usable: int
    missing: int
    unreadable: int
    short: int
    damaged: int
    official: int | None = None
    frames: tuple[int, int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class PrepareReport:
    """What was found in a copy.

    Attributes:
        name: of the data set in the catalogue.
        title: for people, such as ``"Jester v1"``.
        root: folder of the copy.
        out: the prepared folder.
        check: level of the check.
        min_frames: videos with fewer frames are short.
        parts: numbers of each part.
        num_classes: in the class list.
        official_num_classes: None for the user's own data.
        class_counts: usable videos of each class, by class and part.
        num_twice: videos listed more than once.
        num_leaked: of these, videos listed in more than one part.
        notes: further sentences for the reader.
        rates: frame rates of the usable videos, each with the number of videos; empty if they were
            not opened.
    """

    name: str
    title: str
    root: str
    out: str
    check: str
    min_frames: int
    parts: Mapping[Part, PartReport]
    num_classes: int
    official_num_classes: int | None
    class_counts: Mapping[str, Mapping[Part, int]]
    num_twice: int
    num_leaked: int
    notes: Sequence[str]
    rates: Rates = field(default_factory=dict)

    @property
    def num_left_out(self) -> int:
        """Listed videos that are not in the index."""
        return sum(part.listed - part.usable for part in self.parts.values())

    def remarks(self) -> list[str]:
        """Sentences: what differs from the official data set, then the notes."""
        lines = [
            f"{name}: {counted(part.listed, 'video is', 'videos are')} listed, officially "
            f"there are {part.official:,}."
            for name, part in self.parts.items()
            if part.official not in (None, part.listed)
        ]
        if self.official_num_classes not in (None, self.num_classes):
            lines.append(
                f"There are {self.num_classes} classes, officially {self.official_num_classes}."
            )
        untrained = [n for n, counts in self.class_counts.items() if not counts.get("train")]
        if untrained and "train" in self.parts:
            first = f"{', '.join(untrained[:3])}{', ...' if len(untrained) > 3 else ''}"
            lines.append(f"Classes without a usable training video: {len(untrained)} ({first}).")
        if self.num_twice:
            lines.append(
                f"Videos listed more than once: {self.num_twice:,}, in more than one part: "
                f"{self.num_leaked:,}; see duplicates.csv."
            )
        if self.rates:
            lines.append(f"Frame rates: {describe_rates(self.rates)}.")
        if are_mixed(self.rates):
            lines.append(
                "Rates are mixed: train with clips in seconds, as is the default; where frames are "
                "counted (clip.frame_stride), motion looks faster in some videos than in others."
            )
        return [*lines, *self.notes]

    def rows(self) -> list[list[str]]:
        """Table rows, one per part, under :meth:`headings`."""
        rows = []
        for name, part in self.parts.items():
            numbers = (getattr(part, column) for column in _COLUMNS)
            frames = "" if part.frames is None else " / ".join(map(str, part.frames))
            rows.append([name, *("" if n is None else f"{n:,}" for n in numbers), frames])
        return rows

    @staticmethod
    def headings() -> list[str]:
        """Headings of the columns of :meth:`rows`."""
        return ["part", *_COLUMNS, "frames (least / median / most)"]

    def to_json(self) -> str:
        """All numbers as JSON."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    def to_markdown(self) -> str:
        """A page to read, in Markdown."""
        part_names = list(self.parts)
        how = {
            "none": "Videos were not opened, only searched for.",
            "open": "Every video was opened, its frames counted and its first one decoded.",
            "decode": "Every frame of every video was decoded.",
        }[self.check]
        counts = [
            [name, *(f"{of_class.get(part, 0):,}" for part in part_names)]
            for name, of_class in self.class_counts.items()
        ]
        lines = [
            f"# {self.title}",
            "",
            f"Prepared from {self.root}. {how} Videos with fewer than {self.min_frames} frames are "
            "too short.",
            "",
            markdown_table(self.headings(), self.rows()),
            *(f"- {remark}" for remark in self.remarks()),
            *([""] if self.remarks() else []),
            "`missing.csv` and `unreadable.csv` name the videos that were left out, with reasons; "
            "`damaged.csv` those that are used although their files have a fault.",
            "",
            "## Usable videos of each class",
            "",
            markdown_table(["class", *part_names], counts),
        ]
        return "\n".join(lines)
