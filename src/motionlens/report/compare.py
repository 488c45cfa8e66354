"""Runs side by side: what each is, how well it did, and how sure the difference is."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_card
from motionlens.report.evaluation_report import REPORT_FILE
from motionlens.report.statistics import (
    Interval,
    Ranking,
    bootstrap_map,
    bootstrap_map_difference,
    bootstrap_mean,
    mcnemar,
)
from motionlens.training.run_folder import read_metrics

EVALUATION_FOLDER = "evaluation"

# What tells a video from all others: its path and the part of it that was looked at.
_Key = tuple[str, float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run of a comparison; accuracies and precisions are in 0 to 1.

    Attributes:
        run: its folder.
        model: name of the network.
        parameters: trainable values.
        clip: frames, step between them and pixels that it was evaluated with.
        views: clips and crops of each video.
        epochs: that it was trained for; None if it does not say.
        num_videos: with a label, on which all figures are.
        figure: ``"top-1"``; ``"mAP"`` where videos may show several classes.
        value: the figure.
        interval: where it lies with 95 % confidence.
        top5: None for 5 classes or fewer, and where ``figure`` is ``"mAP"``.
        difference: the figure less the first run's; None for the first.
        difference_interval: where it lies with 95 % confidence, of the same videos drawn anew.
        p_value: of McNemar's exact test against the first run; None for it and for ``"mAP"``.
    """

    run: str
    model: str
    parameters: int
    clip: str
    views: str
    epochs: int | None
    num_videos: int
    figure: str
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
        ValueError: If there are fewer, one is no run or has no evaluation, or was evaluated on
            other videos than the first.
    """
    if len(runs) < 2:
        raise ValueError(f"runs must be at least two to compare, got {len(runs)}; name another")
    evaluations = [_read(Path(run)) for run in runs]
    first = evaluations[0]
    summaries = []
    for number, evaluation in enumerate(evaluations):
        if number:
            evaluation = _matched(evaluation, first)
        summaries.append(_summary(evaluation, first if number else None))
    return summaries


def as_json(summaries: Sequence[RunSummary]) -> str:
    """A list of JSON objects, one a run."""
    rows = [asdict(summary) for summary in summaries]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def columns(summaries: Sequence[RunSummary]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table, one row a run; differences are in points of a hundred."""
    figure = summaries[0].figure
    has_top5 = any(summary.top5 is not None for summary in summaries)
    heads = ["run", "model", "parameters", "clip, views", "epochs", f"{figure}, %"]
    heads += (["top-5, %"] if has_top5 else []) + ["against the first"]
    heads += ["p"] if figure == "top-1" else []
    rows = []
    for found in summaries:
        row = [found.run, found.model, f"{found.parameters / 1e6:.2f} M"]
        row += [f"{found.clip}, {found.views}"]
        row += ["-" if found.epochs is None else str(found.epochs)]
        row += [f"{100 * found.value:.1f} ({_range(found.interval)})"]
        if has_top5:
            row.append("-" if found.top5 is None else f"{100 * found.top5:.1f}")
        if found.difference is None or found.difference_interval is None:
            row.append("")
        else:
            row.append(f"{100 * found.difference:+.1f} ({_range(found.difference_interval, '+')})")
        if figure == "top-1":
            row.append("" if found.p_value is None else f"{found.p_value:.2g}")
        rows.append(row)
    return heads, rows


def as_markdown(summaries: Sequence[RunSummary]) -> str:
    """A Markdown table, one row a run."""
    heads, rows = columns(summaries)
    marks = ["---" if i < 2 else "--:" for i in range(len(heads))]
    lines = [heads, marks, *([_escaped(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


class _Evaluation(NamedTuple):
    """What a run's report says of the videos with a label, in the order of ``keys``."""

    run: Path
    card: ModelCard
    settings: dict[str, Any]
    keys: list[_Key]
    truths: list[tuple[str, ...]]
    is_multi_label: bool
    is_right: NDArray[np.bool_]
    is_in_top5: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    targets: NDArray[np.bool_]


def _read(run: Path) -> _Evaluation:
    card = load_card(run)
    path = run / EVALUATION_FOLDER / REPORT_FILE
    if not path.is_file():
        raise ValueError(
            f"{run} has no {EVALUATION_FOLDER}/{REPORT_FILE}; run 'motionlens evaluate {run}' first"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return _parsed(run, card, values)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be used ({error}); run 'motionlens evaluate {run}' once more"
        ) from None


def _parsed(run: Path, card: ModelCard, values: dict[str, Any]) -> _Evaluation:
    names = list(values["class_names"])
    videos = [video for video in values["videos"] if video["label"] is not None]
    if not videos:
        raise ValueError("no video has a label")
    is_multi_label = "labels" in videos[0]
    truths = [tuple(sorted(v["labels"])) if is_multi_label else (v["label"],) for v in videos]
    probabilities = np.array([video["probabilities"] for video in videos], dtype=np.float32)
    targets = np.array([[name in truth for name in names] for truth in truths])
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
    # Rounding in the file may have made the best ones equal: what it names counts.
    right = [video["predicted"] == video["label"] for video in videos]
    return _Evaluation(
        run=run,
        card=card,
        settings=values.get("settings", {}),
        keys=[(os.path.normpath(v["path"]), v.get("start"), v.get("end")) for v in videos],
        truths=truths,
        is_multi_label=is_multi_label,
        is_right=np.array(right),
        is_in_top5=np.asarray(np.take_along_axis(targets, best, axis=1).any(axis=1)),
        probabilities=probabilities,
        targets=targets,
    )


def _matched(evaluation: _Evaluation, first: _Evaluation) -> _Evaluation:
    """An evaluation with its videos in the first's order.

    Raises:
        ValueError: If they are others, or have other labels.
    """
    places = {key: i for i, key in enumerate(evaluation.keys)}
    differing = len(places.keys() ^ set(first.keys))
    if differing or evaluation.is_multi_label != first.is_multi_label:
        raise ValueError(
            f"{evaluation.run} and {first.run} must be evaluated on the same videos, {differing} "
            f"of {len(places.keys() | set(first.keys))} are in one evaluation only; evaluate both "
            "with the same --data and --split"
        )
    order = [places[key] for key in first.keys]
    for place, truth, key in zip(order, first.truths, first.keys, strict=True):
        if evaluation.truths[place] != truth:
            raise ValueError(
                f"{evaluation.run} and {first.run} must be evaluated with the same labels, "
                f"{key[0]} differs; evaluate both anew"
            )
    return evaluation._replace(
        keys=first.keys,
        truths=first.truths,
        is_right=evaluation.is_right[order],
        is_in_top5=evaluation.is_in_top5[order],
        probabilities=evaluation.probabilities[order],
        targets=evaluation.targets[order],
    )


def _summary(found: _Evaluation, first: _Evaluation | None) -> RunSummary:
    card, settings, number = found.card, found.settings, len(found.keys)
    _, num_frames, card_size, _ = card.clip_shape
    frames = settings.get("num_frames", num_frames)
    stride = settings.get("frame_stride", card.sampling.frame_stride)
    size = settings.get("size", card_size)
    with torch.device("meta"):
        parameters = sum(value.numel() for value in card.build().parameters())
    history = read_metrics(found.run)
    step = f"x {stride}" if card.sampling.mode == "dense" else "spread"
    common: dict[str, Any] = {
        "run": str(found.run),
        "model": card.model,
        "parameters": parameters,
        "clip": f"{frames} {step}, {size} px",
        "views": settings.get("views", "1x1"),
        "epochs": int(history[-1]["epoch"]) if history else None,
        "num_videos": number,
    }
    compare = _compare_precision if found.is_multi_label else _compare_accuracy
    return RunSummary(**common, **compare(found, first))


def _compare_accuracy(found: _Evaluation, first: _Evaluation | None) -> dict[str, Any]:
    right = found.is_right.astype(np.float64)
    values: dict[str, Any] = {
        "figure": "top-1",
        "value": float(right.mean()),
        "interval": bootstrap_mean(right),
    }
    if found.probabilities.shape[1] > 5:
        values["top5"] = float(found.is_in_top5.mean())
    if first is not None:
        gained = right - first.is_right
        values["difference"] = float(gained.mean())
        values["difference_interval"] = bootstrap_mean(gained)
        values["p_value"] = mcnemar(int((gained > 0).sum()), int((gained < 0).sum()))
    return values


def _compare_precision(found: _Evaluation, first: _Evaluation | None) -> dict[str, Any]:
    ranking, number = Ranking(found.probabilities, found.targets), len(found.keys)
    once = np.ones(number, dtype=np.int64)
    value = ranking.mean_average_precision(once)
    values: dict[str, Any] = {
        "figure": "mAP",
        "value": value,
        "interval": bootstrap_map(ranking, number),
    }
    if first is not None:
        other = Ranking(first.probabilities, first.targets)
        values["difference"] = value - other.mean_average_precision(once)
        values["difference_interval"] = bootstrap_map_difference(ranking, other, number)
    return values


def _range(interval: Interval, sign: str = "") -> str:
    return f"{100 * interval.low:{sign}.1f} to {100 * interval.high:{sign}.1f}"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
