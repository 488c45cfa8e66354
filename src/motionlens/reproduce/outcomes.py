"""What came out of an experiment: its runs, and the cells of its table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens.report.evaluation_report import REPORT_FILE
from motionlens.report.statistics import Interval, bootstrap_mean


class Judged(NamedTuple):
    """What one evaluation of one run found.

    Attributes:
        figure: ``"top-1"``, or ``"mAP"`` where videos may show several classes.
        value: the figure, 0 to 1.
        top5: None for 5 classes or fewer.
        interval: of the figure, of the same videos drawn anew.
        videos: those with a label, in order; the part of one that was looked at belongs to it.
        right: whether each was recognized; None where a video may show several classes.
    """

    figure: str
    value: float
    top5: float | None
    interval: Interval
    videos: tuple[str, ...]
    right: NDArray[np.float64] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One cell of the table.

    Attributes:
        row: of the table.
        column: likewise.
        values: one a run; accuracies in 0 to 1, or what the experiment counts in.
        interval: of their mean, of the same videos drawn anew; None where that makes no sense.
        top5: mean of the top-5 accuracies.
    """

    row: str
    column: str
    values: tuple[float, ...]
    interval: Interval | None = None
    top5: float | None = None

    @property
    def mean(self) -> float:
        """Of the values."""
        return statistics.mean(self.values)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the runs; None of a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Everything that an experiment has found so far.

    Attributes:
        runs: one mapping a run, as they go into ``results.json``; those that failed have an
            ``error``.
        planned: how many runs there are to be.
        cells: those of which at least one run is there.
        parameters: row of the table to trainable values.
        about: further facts, such as how fast things move.
        remarks: sentences to stand below the table.
    """

    runs: Sequence[Mapping[str, Any]]
    planned: int
    cells: Sequence[Measured]
    parameters: Mapping[str, int] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """Runs of which some part failed."""
        return [run for run in self.runs if errors_of(run)]

    @property
    def is_complete(self) -> bool:
        """Whether all runs are there and none failed."""
        return len(self.runs) == self.planned and not self.failed


def errors_of(run: Mapping[str, Any]) -> list[str]:
    """What went wrong with a run and with the looks at it."""
    found = [run["error"]] if run.get("error") else []
    looks = run.get("looks", {})
    return found + [f"{name}: {look['error']}" for name, look in looks.items() if "error" in look]


def read_judged(folder: Path) -> Judged:
    """Read an evaluation's report.

    Raises:
        ValueError: If it is missing or damaged, or no video has a label.
    """
    path = folder / REPORT_FILE
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        videos = [video for video in report["videos"] if video["label"] is not None]
        is_multi = "mean_average_precision" in report
        key = "mean_average_precision" if is_multi else "top1"
        right = np.array([video["predicted"] == video["label"] for video in videos], dtype=float)
        found = report[f"{key}_interval"]
        return Judged(
            figure="mAP" if is_multi else "top-1",
            value=float(report[key]),
            top5=report["top5"],
            interval=Interval(found["low"], found["high"]),
            videos=tuple(f"{v['path']} {v.get('start')} {v.get('end')}" for v in videos),
            right=None if is_multi else right,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} cannot be used ({error}); delete its folder") from None


def measured(row: str, column: str, found: Sequence[Judged]) -> Measured:
    """A cell from the evaluations of its runs, at least one."""
    top5 = [judged.top5 for judged in found if judged.top5 is not None]
    return Measured(
        row=row,
        column=column,
        values=tuple(judged.value for judged in found),
        interval=interval_of_mean(found),
        top5=statistics.mean(top5) if top5 else None,
    )


def interval_of_mean(found: Sequence[Judged]) -> Interval | None:
    """Where the mean over runs lies, if the videos were others of the same kind.

    A draw takes the same videos in all runs. It says nothing of other seeds.
    """
    if len(found) == 1:
        return found[0].interval
    rights = [judged.right for judged in found if judged.right is not None]
    if len(rights) < len(found) or len({judged.videos for judged in found}) > 1:
        return None
    return bootstrap_mean(np.mean(rights, axis=0))
