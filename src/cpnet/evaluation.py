"""Evaluate a recognizer on labelled videos: every video once, one centred clip each."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from cpnet.clips import card_preprocessing, card_sampling
from cpnet.config import ListingConfig, LoaderConfig
from cpnet.data.dataset import ClipDataset, build_loader
from cpnet.data.listing import VideoIndex
from cpnet.devices import resolve_device
from cpnet.models.card import ModelCard
from cpnet.models.correspondence import set_num_proposals
from cpnet.models.optimize import optimize
from cpnet.models.weights import load_checkpoint
from cpnet.report import EvaluationReport
from cpnet.sources import Split, open_evaluated


class HasModelAndCard(Protocol):
    """Anything with a network and its model card, such as :class:`cpnet.Recognizer`."""

    @property
    def model(self) -> nn.Module:
        """The network."""

    @property
    def card(self) -> ModelCard:
        """Its model card."""


def evaluate(
    recognizer: str | os.PathLike[str] | HasModelAndCard,
    data: str | os.PathLike[str] | VideoIndex | None = None,
    *,
    split: Split | None = None,
    listing: ListingConfig | None = None,
    batch_size: int = 16,
    num_workers: int | None = None,
    device: str = "auto",
    k: int | None = None,
    dtype: torch.dtype | None = None,
    out: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Predict every video of a set and compare with its label.

    Args:
        recognizer: a run folder, or a loaded recognizer.
        data: folder of class folders, list file, or index; by default what the run was trained on.
        split: which part of the data; by default the validation part of data that has one or of
            the run's own data, and else everything.
        listing: how the videos are found; by default as in the run's recipe.
        batch_size: clips at once; changes the result by rounding only.
        num_workers: processes that decode; by default one a free CPU core.
        device: see :func:`cpnet.devices.resolve_device`.
        k: proposals per position, instead of the model's own.
        dtype: evaluate what :func:`cpnet.optimize` makes of the model in this dtype, such as
            ``torch.bfloat16``; the model as it is if None.
        out: folder to write ``report.json`` and ``confusion.csv`` into.
        on_progress: called after every batch with the videos done and their number in all.

    Returns:
        The report; accuracies are in 0 to 1.

    Raises:
        ValueError: If the run or the data cannot be used, the data has a class that the recognizer
            does not know, or a video cannot be decoded.
        RuntimeError: If not every video was predicted exactly once.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    run: Path | None = None
    if isinstance(recognizer, (str, os.PathLike)):
        run = Path(recognizer)
        model, card = load_checkpoint(run)
    else:
        model, card = recognizer.model, recognizer.card
    if not isinstance(data, VideoIndex):
        data = open_evaluated(run, data, split, listing)
    index = data.with_classes(card.class_names)
    if k is not None:
        model = copy.deepcopy(model)
        set_num_proposals(model, k)
    if dtype is not None:
        model = optimize(model, dtype=dtype)
    num_workers = LoaderConfig(num_workers=num_workers).resolve_num_workers()
    probabilities = predict_index(
        model,
        card,
        index,
        batch_size=batch_size,
        num_workers=num_workers,
        device=resolve_device(device),
        on_progress=on_progress,
    )
    report = EvaluationReport(
        class_names=card.class_names,
        paths=tuple(str(index.path(i)) for i in range(len(index))),
        labels=np.asarray(index.labels, dtype=np.int64),
        probabilities=probabilities.numpy(),
        settings={"model": card.model, "k": k, "split": split, "dtype": dtype and str(dtype)},
    )
    if out is not None:
        report.write(Path(out))
    return report


def predict_index(
    model: nn.Module,
    card: ModelCard,
    index: VideoIndex,
    *,
    batch_size: int,
    num_workers: int,
    device: torch.device,
    on_progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Probabilities of every video of an index, float32 ``(V, K)`` on the CPU, in its order.

    Raises:
        ValueError: If a video cannot be decoded.
        RuntimeError: If not every video was predicted exactly once.
    """
    dataset = ClipDataset(index, card_sampling(card), card_preprocessing(card), training=False)
    loader = build_loader(
        dataset, batch_size=batch_size, shuffle=False, num_workers=num_workers, seed=0
    )
    probabilities = torch.zeros(len(index), len(card.class_names))
    times_predicted = torch.zeros(len(index), dtype=torch.int64)
    model = model.to(device).eval()
    done = 0
    with torch.inference_mode():
        for batch in loader:
            logits = model(batch["clip"].to(device)).float()
            # index_add_ counts a position as often as it comes, also twice in one batch.
            times_predicted.index_add_(0, batch["index"], torch.ones_like(batch["index"]))
            probabilities[batch["index"]] = logits.softmax(dim=1).cpu()
            done += len(logits)
            if on_progress:
                on_progress(done, len(index))
    if not bool((times_predicted == 1).all()):
        odd = int((times_predicted != 1).sum())
        raise RuntimeError(
            f"every video must be predicted exactly once, {odd} of {len(index)} were not"
        )
    return probabilities
