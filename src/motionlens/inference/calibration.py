"""Probabilities worth trusting: a temperature, and below which probability nothing is known."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_number
from motionlens._utils.files import write_atomically
from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.parts import open_evaluated
from motionlens.datasets.source import DataSource, ListingConfig, Split
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint, save_card
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer
from motionlens.report.calibration import (
    at_temperature,
    brier_scores,
    calibration,
    fit_temperature,
    log_losses,
    refusal_threshold,
)
from motionlens.report.statistics import NUM_RESAMPLES, Interval, bootstrap, bootstrap_mean

CALIBRATION_FILE = "calibration.json"
# So many parts are left out in turn where there are no folds.
_PARTS = 10
# Fewer say nothing.
_LEAST_VIDEOS = 20
Score = tuple[float, Interval]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was fitted, and what it changes.

    Attributes:
        num_videos: labelled videos that it was fitted on.
        temperature: fitted on all of them, in 0.1 to 10; 1 if temperatures do no good on videos
            that they were not fitted on.
        unknown_below: the probability below which a prediction is no answer.
        refused: share of the videos that this refuses.
        wrong_refused: share of the wrong predictions among them; nan if none is wrong.
        before: negative log-likelihood, Brier score and calibration error at a temperature of 1,
            each with its 95 % interval.
        after: the same with temperatures that were fitted on other videos.
        settings: what it depends on besides.
    """

    num_videos: int
    temperature: float
    unknown_below: float
    refused: float
    wrong_refused: float
    before: dict[str, Score]
    after: dict[str, Score]
    settings: dict[str, object]

    def to_json(self) -> str:
        """All numbers as JSON."""
        values = asdict(self)
        for scores in (values["before"], values["after"]):
            scores |= {
                k: {"value": v, "low": i.low, "high": i.high} for k, (v, i) in scores.items()
            }
        if math.isnan(self.wrong_refused):
            values["wrong_refused"] = None
        return json.dumps(values, indent=1) + "\n"


def calibrate(
    run: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    folds: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    listing: ListingConfig | None = None,
    unknown_share: float = 0.0,
    batch_size: int = 16,
    num_workers: int | None = None,
    skip_broken: bool = False,
    device: str = "auto",
    on_progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Fit a temperature on videos that were not trained on, and store it in a run's model card.

    All that use the run then give probabilities of that temperature; the most probable label stays
    the same. Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 4.2.

    Args:
        run: folder of a run, or another that ``save_pretrained`` wrote.
        data: labelled videos: a folder, list or prepared data set; by default the run's own
            validation part.
        folds: fit on what each fold of this folder says of its own validation part instead, which
            are all videos: a folder that `motionlens train --folds` wrote.
        split: part of the data, as for :func:`motionlens.evaluate`.
        listing: how the videos are found; by default as in the run's recipe.
        unknown_share: also choose the probability below which a prediction is no answer, so that
            this share of the videos has none; 0 for an answer always.
        batch_size: clips per batch; changes the result by rounding only.
        num_workers: processes that decode; by default none for fewer than 16 videos, else one per
            free CPU core.
        skip_broken: leave out videos that cannot be decoded, instead of stopping.
        device: where to run; auto takes an accelerator if there is one.
        on_progress: called before the first and after every video with the number of videos done
            and of all videos, for each fold anew.

    Returns:
        What was fitted, which is also in ``calibration.json`` of the folder.

    Raises:
        ValueError: If the run or the data cannot be used, videos may show several labels, or fewer
            than 20 have one.
    """
    check_number("unknown_share", unknown_share, least=0, below=1)
    run = Path(run)
    if not run.is_dir():
        raise ValueError(f"calibrate needs a folder whose model card it can change, got {run}")
    if folds is not None and data is not None:
        raise ValueError("folds and data exclude each other; give one")
    _, card = load_checkpoint(run)
    if card.multi_label:
        raise ValueError(
            f"{run} names several labels per video; 'motionlens evaluate {run}' chooses a "
            "threshold for each of them"
        )
    runs = [run] if folds is None else sorted(Path(folds).glob("fold[0-9]*"))
    if not runs:
        raise ValueError(f"{folds} holds no folds; give a folder of 'motionlens train --folds'")
    found, parts = [], []
    for number, one in enumerate(runs):
        probabilities, labels = _predict(
            one, card, data, split, listing, device=device, batch_size=batch_size,
            num_workers=num_workers, skip_broken=skip_broken, on_progress=on_progress,
        )  # fmt: skip
        found.append((probabilities, labels))
        parts.append(np.full(len(labels), number))
    probabilities, labels = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    if len(labels) < _LEAST_VIDEOS:
        raise ValueError(
            f"a temperature needs at least {_LEAST_VIDEOS} labelled videos, got {len(labels)}"
        )
    left_out = np.concatenate(parts)
    if len(runs) == 1:
        left_out = np.random.default_rng(0).permutation(len(labels)) % _PARTS
    result = _fit(probabilities, labels, left_out, unknown_share)
    result.settings.update(folds=folds and str(folds), data=data and str(data), split=split)
    save_card(
        run, replace(card, temperature=result.temperature, unknown_below=result.unknown_below)
    )
    write_atomically(run / CALIBRATION_FILE, result.to_json().encode())
    return result


def _predict(
    run: Path,
    card: ModelCard,
    data: str | os.PathLike[str] | None,
    split: Split | None,
    listing: ListingConfig | None,
    *,
    device: str,
    **options: object,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities at a temperature of 1 ``(V, K)`` and labels ``(V,)`` of labelled videos."""
    model, own = load_checkpoint(run)
    if own.class_names != card.class_names:
        raise ValueError(f"{run} has other classes than the run that is calibrated")
    recognizer = Recognizer(model, replace(own, temperature=1.0), device=device)
    index: VideoIndex = open_evaluated(DataSource.of_run(run), data, split, listing)
    report = evaluate(recognizer, index, device=device, **options)  # type: ignore[arg-type]
    return report.probabilities[report.scored], report.labels[report.scored]


def _fit(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    part: NDArray[np.int64],
    unknown_share: float,
) -> Calibration:
    """Fit on all videos; the figures are of temperatures fitted without each video's part."""
    honest = np.empty(probabilities.shape)
    for number in np.unique(part):
        without = fit_temperature(probabilities[part != number], labels[part != number])
        honest[part == number] = at_temperature(probabilities[part == number], without)
    helps = log_losses(honest, labels).mean() < log_losses(probabilities, labels).mean()
    temperature = round(fit_temperature(probabilities, labels), 4) if helps else 1.0
    confidence = at_temperature(probabilities, temperature).max(axis=1)
    # Rounded down, so as to refuse no more.
    limit = math.floor(1e4 * refusal_threshold(confidence, unknown_share)) / 1e4
    limit = limit if unknown_share else 0.0
    wrong = probabilities.argmax(axis=1) != labels
    return Calibration(
        num_videos=len(labels),
        temperature=temperature,
        unknown_below=limit,
        refused=float((confidence < limit).mean()),
        wrong_refused=float((confidence < limit)[wrong].mean()) if wrong.any() else float("nan"),
        before=_scores(probabilities.astype(np.float64), labels),
        after=_scores(honest, labels),
        settings={"unknown_share": unknown_share},
    )


def _scores(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Score]:
    confidence = probabilities.max(axis=1).astype(np.float32)
    is_right = probabilities.argmax(axis=1) == labels
    losses, squares = log_losses(probabilities, labels), brier_scores(probabilities, labels)

    def error(counts: NDArray[np.int64]) -> float:
        return calibration(confidence.repeat(counts), is_right.repeat(counts)).error

    once = np.ones(len(labels), np.int64)
    return {
        "negative log-likelihood": (float(losses.mean()), bootstrap_mean(losses)),
        "Brier score": (float(squares.mean()), bootstrap_mean(squares)),
        "calibration error": (error(once), bootstrap(error, len(labels), NUM_RESAMPLES, 0)),
    }
