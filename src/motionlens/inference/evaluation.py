"""Evaluate a recognizer on videos: one or several views of every video, each video once."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from motionlens._utils.devices import resolve_device
from motionlens._utils.distributed import (
    gather_objects,
    gather_rows,
    is_main,
    own_device,
    process_group,
)
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.symmetries import LabelSymmetries
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.views import Views
from motionlens.datasets.parts import known_flip_pairs, open_evaluated
from motionlens.datasets.source import DataSource, ListingConfig, Split
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.inference.runner import (
    ViewPlan,
    own_videos,
    resolve_num_workers,
    run_videos,
    view_plan,
)
from motionlens.models.correspondence import set_num_proposals
from motionlens.models.optimize import optimize
from motionlens.report.evaluation_report import EvaluationReport

P = TypeVar("P", Sampling, Preprocessing)


class HasModelAndCard(Protocol):
    """Anything with a network and its model card, such as :class:`motionlens.Recognizer`."""

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
    views: str | Views = "1x1",
    flip_pairs: Mapping[str, str] | None = None,
    num_frames: int | None = None,
    frame_stride: int | None = None,
    size: int | None = None,
    short_side: int | None = None,
    batch_size: int = 16,
    num_workers: int | None = None,
    skip_broken: bool = False,
    device: str = "auto",
    k: int | None = None,
    dtype: torch.dtype | None = None,
    out: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Predict every video of a set and compare with its label, where it has one.

    Every view gives probabilities, and a video's are their mean. Under ``torchrun`` each process
    takes its share of the videos; all of them return the whole report.

    Args:
        recognizer: a run folder, or a loaded recognizer.
        data: folder of class folders, list file, prepared data set, or index; by default what the
            run was trained on.
        split: which part of the data; by default the validation part of data that has one or of
            the run's own data, and else everything.
        listing: how the videos are found; by default as in the run's recipe.
        views: clips and crops of every video, as ``"8x6"``, see :class:`motionlens.clips.views.Views`.
        flip_pairs: class names that swap when a video is mirrored, ``{}`` if none does: views of
            10 crops are mirrored. By default what the recipe or the data set says.
        num_frames: frames of a clip, instead of those that the recognizer was trained with.
        frame_stride: step between them, likewise.
        size: rows and columns of a centre or corner crop, pixels, likewise.
        short_side: what the frames' short side is resized to, pixels, likewise.
        batch_size: views at once; changes the result by rounding only.
        num_workers: processes that decode; by default one a free CPU core.
        skip_broken: leave videos out that cannot be decoded, and list them in the report.
        device: see :func:`motionlens._utils.devices.resolve_device`; of several CUDA devices each process
            takes its own.
        k: proposals per position, instead of the model's own.
        dtype: evaluate what :func:`motionlens.optimize` makes of the model in this dtype, such as
            ``torch.bfloat16``; the model as it is if None.
        out: folder to write ``report.json``, ``predictions.csv`` and ``confusion.csv`` into.
        on_progress: called after every video with the videos done and their number in all, of
            this process's share.

    Returns:
        The report; accuracies are in 0 to 1.

    Raises:
        ValueError: If the run or the data cannot be used, the data has a class that the recognizer
            does not know, a video cannot be decoded and is not to be skipped, or views are
            mirrored and nobody has told which classes swap.
        RuntimeError: If not every video was predicted exactly once with all its views.
    """
    source: DataSource | None = None
    if isinstance(recognizer, (str, os.PathLike)):
        model, card = load_checkpoint(recognizer)
        source = DataSource.of_run(recognizer)
    else:
        model, card = recognizer.model, recognizer.card
    views = views if isinstance(views, Views) else Views.parse(views)
    if not isinstance(data, VideoIndex):
        data = open_evaluated(source, data, split, listing)
    if flip_pairs is None:
        flip_pairs = known_flip_pairs(source, data)
    index = data.with_classes(card.class_names)
    if card.multi_label:
        index = index.with_targets()
    card = replace(
        card,
        sampling=_changed(card.sampling, num_frames=num_frames, frame_stride=frame_stride),
        preprocessing=_changed(card.preprocessing, size=size, short_side=short_side),
    )
    plan = view_plan(card, views, _swap(views, card, flip_pairs))
    parameters = sum(values.numel() for values in model.parameters())
    if k is not None:
        model = copy.deepcopy(model)
        set_num_proposals(model, k)
    if dtype is not None:
        model = optimize(model, dtype=dtype)
    where = own_device(resolve_device(device))
    with process_group(where):
        probabilities, broken = predict_index(
            model,
            card,
            index,
            plan,
            batch_size=batch_size,
            num_workers=resolve_num_workers(num_workers),
            device=where,
            skip_broken=skip_broken,
            on_progress=on_progress,
        )
        report = _make_report(card, index, probabilities, broken, {
            "model": card.model, "parameters": parameters, "k": k, "split": split,
            "dtype": dtype and str(dtype), "views": str(views),
            "sampling_mode": card.sampling.mode, "num_frames": card.sampling.num_frames,
            "frame_stride": card.sampling.frame_stride, "size": card.preprocessing.size,
            "short_side": card.preprocessing.short_side,
        })  # fmt: skip
        if out is not None and is_main():
            report.write(Path(out))
    return report


def predict_index(
    model: nn.Module,
    card: ModelCard,
    index: VideoIndex,
    plan: ViewPlan,
    *,
    batch_size: int,
    num_workers: int,
    device: torch.device,
    skip_broken: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Tensor, dict[int, str]]:
    """Probabilities of every video of an index, in its order, found by all processes together.

    Returns:
        float32 ``(V, K)`` on the CPU, zeros for a broken video; and position to reason of those.

    Raises:
        ValueError: If a video cannot be decoded and is not to be skipped.
        RuntimeError: If not every video was predicted exactly once with all its views.
    """
    share = own_videos(index)
    rows = torch.zeros(len(share), len(card.class_names))
    errors: dict[int, str] = {}
    results = run_videos(
        model,
        share,
        plan,
        lambda clips: card.probabilities(model(clips)),
        batch_size=batch_size,
        num_workers=num_workers,
        device=device,
        skip_broken=skip_broken,
    )
    for result in results:
        if result.row is None:
            errors[result.position] = result.error
        else:
            rows[result.position] = result.row
        if on_progress:
            on_progress(result.position + 1, len(share))
    found = gather_objects(errors)
    broken = {i * len(found) + r: text for r, part in enumerate(found) for i, text in part.items()}
    return gather_rows(rows, len(index)), dict(sorted(broken.items()))


def _make_report(
    card: ModelCard,
    index: VideoIndex,
    probabilities: Tensor,
    broken: Mapping[int, str],
    settings: Mapping[str, Any],
) -> EvaluationReport:
    paths = [str(index.path(i)) for i in range(len(index))]
    kept = [i for i in range(len(index)) if i not in broken]
    if broken and not kept:
        raise ValueError(f"all {len(index)} videos are broken, the first: {broken[0]}")
    windows = [index.window(i) for i in kept]
    has_windows = any(window != (None, None) for window in windows)
    return EvaluationReport(
        class_names=card.class_names,
        paths=tuple(paths[i] for i in kept),
        labels=np.asarray(index.labels[kept], dtype=np.int64),
        probabilities=probabilities[kept].numpy(),
        targets=None if index.targets is None else index.targets[kept],
        windows=tuple(windows) if has_windows else None,
        broken=tuple((paths[i], reason) for i, reason in broken.items()),
        settings=settings,
    )


def _changed(part: P, **values: Any) -> P:
    """A part of a card with the values that are given."""
    return replace(part, **{name: value for name, value in values.items() if value is not None})


def _swap(views: Views, card: ModelCard, flip_pairs: Mapping[str, str] | None) -> Tensor | None:
    """What each probability of a mirrored view stands for; None where no view is mirrored."""
    if not views.has_mirrored:
        return None
    if flip_pairs is None:
        raise ValueError(
            f"views {views} are mirrored, and nobody has told which classes swap then; give "
            "flip_pairs, {} if none does, or take other crops"
        )
    resolved = LabelSymmetries(horizontal_flip=flip_pairs).resolve(card.class_names)
    assert resolved.horizontal_flip is not None
    return torch.from_numpy(resolved.horizontal_flip)
