"""Evaluated runs side by side: what each is, how well it did, and how certain the difference is."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motionlens._utils.csv_files import read_csv
from motionlens._utils.files import parse_json
from motionlens._utils.tables import markdown_table
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.files import REPORT_FILE
from motionlens.report.statistics import Interval, bootstrap_map_difference, bootstrap_mean, mcnemar
from motionlens.report.tables import percent_range

EVALUATION_FOLDER = "evaluation"
# One row per epoch, written during training.
METRICS_FILE = "metrics.csv"
# Settings of an evaluation that a comparison shows.
_SETTINGS = (*("model", "parameters", "views"), *("sampling_mode", "num_frames", "size"))


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run of a comparison; accuracies and precisions are in 0 to 1.

    Attributes:
        run: its folder.
        model: name of the network.
        parameters: trainable values of the network.
        clip: frames, step between them, and pixels of the evaluated clips.
        views: clips and crops of each video.
        epochs: of its training; None if unknown.
        num_videos: with a label, on which everything was measured.
        metric: ``"top-1"``, or ``"mAP"`` if videos may show several classes.
        value: of the metric.
        interval: of the value, 95 %.
        top5: None for 5 classes or fewer, and if ``metric`` is ``"mAP"``.
        difference: the value less the first run's; None for the first.
        difference_interval: of the difference on the same videos, 95 %.
        p_value: of McNemar's exact test against the first run; None for the first and for mAP.
    """

    run: str
    model: str
    parameters: int
    clip: str
    views: str
    epochs: int | None
    num_videos: int
    metric: str
    value: float
    interval: Interval
    top5: float | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    p_value: float | None = None


def compare_runs(runs: Sequence[str | os.PathLike[str]]) -> list[RunSummary]:
    """Put evaluated runs side by side; each is compared with the first on the same videos.

    Args:
        runs: at least two run folders, each with an ``evaluation/report.json``.

    Raises:
        ValueError: If there are fewer, one is no folder or has no evaluation, or was evaluated on
            other videos than the first.
    """
    if len(runs) < 2:
        raise ValueError(f"runs must be at least two to compare, got {len(runs)}; name another")
    first, *others = [(Path(run), _read(Path(run))) for run in runs]
    matched = [(run, _matched(run, report, *first)) for run, report in others]
    return [_summary(*first, None), *(_summary(*each, first[1]) for each in matched)]


def as_json(summaries: Sequence[RunSummary]) -> str:
    """A list of JSON objects, one per run."""
    rows = [asdict(summary) for summary in summaries]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def columns(summaries: Sequence[RunSummary]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table, one row per run; differences are in percentage points."""
    rows = [_cells(summary) for summary in summaries]
    headings = list(rows[0])
    return headings, [[row.get(heading, "-") for heading in headings] for row in rows]


def as_markdown(summaries: Sequence[RunSummary]) -> str:
    """A Markdown table, one row per run."""
    return markdown_table(*columns(summaries), left=(0, 1))


def _cells(run: RunSummary) -> dict[str, str]:
    """The cells of a run by heading."""
    cells = {
        "run": run.run,
        "model": run.model,
        "parameters": f"{run.parameters / 1e6:.2f} M",
        "clip, views": f"{run.clip}, {run.views}",
        "epochs": "-" if run.epochs is None else str(run.epochs),
        f"{run.metric}, %": f"{100 * run.value:.1f} ({percent_range(run.interval)})",
    }
    if run.top5 is not None:
        cells["top-5, %"] = f"{100 * run.top5:.1f}"
    cells["against the first"] = ""
    if run.difference is not None and run.difference_interval is not None:
        bounds = percent_range(run.difference_interval, "+")
        cells["against the first"] = f"{100 * run.difference:+.1f} ({bounds})"
    if run.metric == "top-1":
        cells["p"] = "" if run.p_value is None else f"{run.p_value:.2g}"
    return cells


def _read(run: Path) -> EvaluationReport:
    """The labelled videos of a run's report."""
    path = run / EVALUATION_FOLDER / REPORT_FILE
    if not run.is_dir():
        raise ValueError(f"runs must be folders, {run} is not; name a run folder")
    if not path.is_file():
        raise ValueError(
            f"{run} has no {EVALUATION_FOLDER}/{REPORT_FILE}; run 'motionlens evaluate {run}' first"
        )
    try:
        return _parsed(parse_json(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be used ({error}); run 'motionlens evaluate {run}' once more"
        ) from None


def _parsed(values: dict[str, Any]) -> EvaluationReport:
    names = {name: label for label, name in enumerate(values["class_names"])}
    videos = [video for video in values["videos"] if video["label"] is not None]
    if not videos:
        raise ValueError("no video has a label")
    missing = [name for name in _SETTINGS if name not in values["settings"]]
    if missing:
        raise ValueError(f"settings lack {', '.join(missing)}")
    probabilities = np.array([video["probabilities"] for video in videos], dtype=np.float32)
    targets = None
    if "labels" in videos[0]:
        targets = np.array([[name in video["labels"] for name in names] for video in videos])
    for row, video in zip(probabilities, videos, strict=True):
        # Rounding may have made the best ones equal: the one that the file names is ahead.
        best = names[video["predicted"]]
        if targets is None and row.argmax() != best:
            row[best] = np.nextafter(row.max(), np.float32(2))
    return EvaluationReport(
        class_names=tuple(names),
        paths=tuple(os.path.normpath(video["path"]) for video in videos),
        labels=np.array([names[video["label"]] for video in videos]),
        probabilities=probabilities,
        targets=targets,
        windows=tuple((video.get("start"), video.get("end")) for video in videos),
        settings=values["settings"],
    )


def _matched(
    run: Path, report: EvaluationReport, first_run: Path, first: EvaluationReport
) -> EvaluationReport:
    """A report with its videos in the first's order.

    Raises:
        ValueError: If the videos or their labels differ.
    """
    places, wanted = (
        {key: i for i, key in enumerate(zip(each.paths, each.windows or (), strict=True))}
        for each in (report, first)
    )
    differing = len(places.keys() ^ wanted.keys())
    if differing or report.is_multi_label != first.is_multi_label:
        raise ValueError(
            f"{run} and {first_run} must be evaluated on the same videos, {differing} "
            f"of {len(places.keys() | wanted.keys())} are in one evaluation only; evaluate "
            "both with the same --data and --split"
        )
    report = report.take([places[key] for key in wanted])
    for i, path in enumerate(report.paths):
        if set(report.true_labels(i)) != set(first.true_labels(i)):
            raise ValueError(
                f"{run} and {first_run} must be evaluated with the same labels, "
                f"{path} differs; evaluate both again"
            )
    return report


def _summary(run: Path, report: EvaluationReport, first: EvaluationReport | None) -> RunSummary:
    settings = report.settings
    is_dense = settings["sampling_mode"] == "dense"
    if (seconds := settings.get("seconds")) is not None:
        step = "spread" if seconds == "whole" else f"in {seconds:g} s"
    else:
        step = f"x {settings['frame_stride']}" if is_dense else "spread"
    epochs = None
    if (run / METRICS_FILE).is_file():
        rows = read_csv(run / METRICS_FILE, ["epoch"], hint="train again")
        epochs = int(rows[-1]["epoch"]) if rows else None
    return RunSummary(
        run=str(run),
        model=settings["model"],
        parameters=settings["parameters"],
        clip=f"{settings['num_frames']} {step}, {settings['size']} px",
        views=settings["views"],
        epochs=epochs,
        num_videos=report.num_videos,
        **_measures(report, first),
    )


def _measures(report: EvaluationReport, first: EvaluationReport | None) -> dict[str, Any]:
    """The metric, and its difference to the first report's."""
    if report.is_multi_label:
        once = np.ones(report.num_videos, dtype=np.int64)
        value = report.ranking.mean_average_precision(once)
        interval = report.mean_average_precision_interval
        values: dict[str, Any] = {"metric": "mAP", "value": value, "interval": interval}
        if first is not None:
            values["difference"] = value - first.ranking.mean_average_precision(once)
            interval = bootstrap_map_difference(report.ranking, first.ranking)
            values["difference_interval"] = interval
        return values
    right = report.is_right.astype(np.float64)
    value, interval = float(right.mean()), report.top1_interval
    values = {"metric": "top-1", "value": value, "interval": interval}
    if len(report.class_names) > 5:
        best = [label in report.ranked_labels(i)[:5] for i, label in enumerate(report.labels)]
        values["top5"] = float(np.mean(best))
    if first is not None:
        gained = right - first.is_right
        values["difference"] = float(gained.mean())
        values["difference_interval"] = bootstrap_mean(gained)
        values["p_value"] = mcnemar(int((gained > 0).sum()), int((gained < 0).sum()))
    return values
