"""What was found in annotated videos: events beside actions, the metrics, and their files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.files import write_atomically
from motionlens._utils.numbers import percent
from motionlens._utils.tables import markdown_table
from motionlens.report.detection import IOU_THRESHOLDS, average_precision, by_score, match
from motionlens.report.event import Event
from motionlens.report.statistics import NUM_RANKING_RESAMPLES, Interval, bootstrap, nanmean

JSON_FILE, MARKDOWN_FILE, PICTURE_FOLDER = "events.json", "events.md", "events"
# Found events count as right, in tables and pictures, from this temporal IoU on.
RIGHT_IOU = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoEvents:
    """What was found in one video.

    Attributes:
        path: of the video.
        duration_s: how long it is, seconds.
        truth: the annotated actions.
        found: events as a stream gives them.
        weaker: further events, too improbable for a stream, where it gives none; they matter for
            average precision only, which looks at how events are ranked.
    """

    path: str
    duration_s: float
    truth: tuple[Event, ...]
    found: tuple[Event, ...]
    weaker: tuple[Event, ...] = ()

    @property
    def wrong(self) -> list[Event]:
        """The events of ``found`` that fit no action, at :data:`RIGHT_IOU`."""
        labels = dict.fromkeys(event.label for event in self.found)
        return [event for label in labels for event in self._wrong(label)]

    def _wrong(self, label: str) -> list[Event]:
        found = by_score(of_label(self.found, label))
        hits = match(found, of_label(self.truth, label), RIGHT_IOU)
        return [event for event, hit in zip(found, hits.tolist(), strict=True) if not hit]


def of_label(events: Sequence[Event], label: str) -> list[Event]:
    """The events of one class."""
    return [event for event in events if event.label == label]


@dataclass(frozen=True, kw_only=True, eq=False)
class EventReport:
    """Found events beside annotated actions, and the metrics.

    Attributes:
        class_names: C labels, without the background.
        videos: what was found in each.
        broken: path and reason of each video that could not be read.
        settings: what the metrics depend on besides data and weights, such as the thresholds.
    """

    class_names: tuple[str, ...]
    videos: tuple[VideoEvents, ...]
    broken: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def num_actions(self) -> NDArray[np.int64]:
        """Number of annotated actions of each class in each video, ``(V, C)``."""
        counts = [
            [len(of_label(video.truth, name)) for name in self.class_names] for video in self.videos
        ]
        return np.array(counts, dtype=np.int64).reshape(-1, len(self.class_names))

    @cached_property
    def average_precisions(self) -> NDArray[np.float64]:
        """Of each class at each of :data:`IOU_THRESHOLDS`, ``(C, 5)``; nan without an action."""
        return self._average_precisions(np.ones(len(self.videos), dtype=np.int64))

    @property
    def mean_average_precisions(self) -> NDArray[np.float64]:
        """At each threshold the mean over the classes with an action, ``(5,)``."""
        return np.array([nanmean(column) for column in self.average_precisions.T])

    @property
    def mean_average_precision(self) -> float:
        """The mean over thresholds, too."""
        return nanmean(self.mean_average_precisions)

    @cached_property
    def interval(self) -> Interval:
        """95 % bootstrap interval of :attr:`mean_average_precision`, over the choice of videos."""

        def metric(weights: NDArray[np.int64]) -> float:
            return nanmean(np.array([nanmean(c) for c in self._average_precisions(weights).T]))

        return bootstrap(metric, len(self.videos), NUM_RANKING_RESAMPLES, 0)

    @cached_property
    def num_right(self) -> NDArray[np.int64]:
        """Number of right events among those that a stream gives, per class, ``(C,)``."""
        wrong = [event.label for video in self.videos for event in video.wrong]
        counts = np.array([wrong.count(name) for name in self.class_names], dtype=np.int64)
        return np.subtract(self.num_found, counts)

    @cached_property
    def num_found(self) -> NDArray[np.int64]:
        """Number of events that a stream gives, per class, ``(C,)``."""
        counts = [
            sum(len(of_label(video.found, name)) for video in self.videos)
            for name in self.class_names
        ]
        return np.array(counts, dtype=np.int64)

    @property
    def precision(self) -> float:
        """Share of the events that are right; nan without events."""
        return _share(self.num_right.sum(), self.num_found.sum())

    @property
    def recall(self) -> float:
        """Share of the actions that were found; nan without actions."""
        return _share(self.num_right.sum(), self.num_actions.sum())

    @cached_property
    def _ranked(self) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
        """Of each class: video of each event in the order of scores; hits at each threshold."""
        ranked = []
        for name in self.class_names:
            scores, places, hits = [], [], []
            for place, video in enumerate(self.videos):
                found = by_score(of_label([*video.found, *video.weaker], name))
                truth = of_label(video.truth, name)
                columns = [match(found, truth, iou) for iou in IOU_THRESHOLDS]
                scores += [event.confidence for event in found]
                places += [place] * len(found)
                hits.append(np.stack(columns, axis=1))
            order = np.argsort(-np.array(scores), kind="stable").astype(np.int64)
            ranked.append((np.array(places, dtype=np.int64)[order], np.concatenate(hits)[order]))
        return ranked

    def _average_precisions(self, weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """The same if video i counts ``weights[i]`` times."""
        numbers = weights @ self.num_actions
        found = np.empty((len(self.class_names), len(IOU_THRESHOLDS)))
        for row, number, (places, hits) in zip(found, numbers.tolist(), self._ranked, strict=True):
            counted = np.repeat(hits, weights[places], axis=0)
            row[:] = [average_precision(column, number) for column in counted.T]
        return found

    def rows(self) -> list[list[str]]:
        """Cells of the table: a row per class, and one for all of them; see :data:`HEADINGS`."""
        values = [*self.average_precisions, self.mean_average_precisions]
        names = [*self.class_names, "all, mean"]
        counts = np.stack([self.num_actions.sum(axis=0), self.num_found, self.num_right], axis=1)
        counts = np.concatenate([counts, counts.sum(axis=0, keepdims=True)])
        return [
            [name, *map(str, numbers), *(percent(v) for v in (*row, nanmean(row)))]
            for name, numbers, row in zip(names, counts.tolist(), values, strict=True)
        ]

    def lines(self) -> list[str]:
        """What the table means, in words."""
        low, high = self.interval
        certain = "one video, so no interval"
        if len(self.videos) > 1:
            certain = (
                f"95 % interval {percent(low)} to {percent(high)} over {len(self.videos)} videos"
            )
        return [
            f"mAP {percent(self.mean_average_precision)} (mean over IoU 0.3 to 0.7; {certain})",
            f"Of {self.num_found.sum()} events {self.num_right.sum()} are right "
            f"({percent(self.precision)}), of {self.num_actions.sum()} actions "
            f"{percent(self.recall)} are found, at IoU {RIGHT_IOU}.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """All metrics, actions and events as plain values; nan becomes None."""
        per_class = zip(
            self.class_names,
            self.num_actions.sum(axis=0).tolist(),
            self.num_found.tolist(),
            self.num_right.tolist(),
            self.average_precisions,
            strict=True,
        )
        return {
            "settings": dict(self.settings),
            "iou_thresholds": list(IOU_THRESHOLDS),
            "num_videos": len(self.videos),
            "num_actions": int(self.num_actions.sum()),
            "num_events": int(self.num_found.sum()),
            "mean_average_precision": _plain(self.mean_average_precision),
            "mean_average_precision_interval": [_plain(v) for v in self.interval],
            "mean_average_precisions": [_plain(v) for v in self.mean_average_precisions],
            "precision": _plain(self.precision),
            "recall": _plain(self.recall),
            "right_iou": RIGHT_IOU,
            "classes": {
                name: {
                    **{"actions": actions, "events": found, "right": right},
                    "average_precisions": [_plain(v) for v in values],
                }
                for name, actions, found, right, values in per_class
            },
            "videos": [
                {
                    **{"path": video.path, "duration_s": round(video.duration_s, 3)},
                    **{
                        kind: [_rounded(event) for event in getattr(video, kind)]
                        for kind in ("truth", "found", "weaker")
                    },
                }
                for video in self.videos
            ],
            "broken": [{"path": path, "reason": reason} for path, reason in self.broken],
        }

    def to_json(self) -> str:
        """What :meth:`to_dict` returns."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    def to_markdown(self, title: str, pictures: Sequence[str] = ()) -> str:
        """The table, what it means, and pictures by their paths from the file."""
        settings = ", ".join(f"{k} {v}" for k, v in self.settings.items() if v not in (None, []))
        table = markdown_table(HEADINGS, self.rows())
        shown = "".join(f"\n![actions and events over time]({path})\n" for path in pictures)
        lines = "\n".join(self.lines())
        return f"# {title}\n\n{lines}\n\n{table}\n{settings}\n{shown}"

    def write(self, folder: Path, *, title: str, pictures: Sequence[str] = ()) -> None:
        """Write ``events.json`` and ``events.md`` into a folder, which is made if absent.

        Raises:
            OSError: If a file cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / JSON_FILE, self.to_json().encode())
        write_atomically(folder / MARKDOWN_FILE, self.to_markdown(title, pictures).encode())


HEADINGS = (
    *("class", "actions", "events", f"right at {RIGHT_IOU}"),
    *(f"AP at {iou}" for iou in IOU_THRESHOLDS),
    "mean",
)


def _share(number: int, total: int) -> float:
    return float(number / total) if total else float("nan")


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)


def _rounded(event: Event) -> dict[str, Any]:
    values = asdict(event)
    return {name: round(v, 6) if isinstance(v, float) else v for name, v in values.items()}
