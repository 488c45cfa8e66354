"""Evaluate a recognizer on videos: one or several views of every video, each video once."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from motionlens._utils.addresses import as_path, is_address
from motionlens._utils.distributed import is_main
from motionlens._utils.engines import EngineName
from motionlens._utils.files import check_file, check_writable, write_atomically
from motionlens.clips.sampling import Sampling
from motionlens.clips.symmetries import LabelSymmetries
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.views import FrameOrder, Views
from motionlens.datasets.catalog.names import spec_of
from motionlens.datasets.parts import known_flip_pairs, open_evaluated
from motionlens.datasets.source import DataSource, ListingConfig, Split
from motionlens.inference.batch_jobs import DEADLINE_S, run_jobs_or_shared
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint, save_card
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.runner import Result, Runner
from motionlens.report.compare import EVALUATION_FOLDER
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.files import write_report
from motionlens.report.submission import submission_text
from motionlens.report.thresholds import choose_thresholds

# What a report's settings say of thresholds that are those of the best F1 on its own videos.
CHOSEN_HERE = "chosen on these videos"


def evaluate(
    recognizer: str | os.PathLike[str] | Recognizer,
    data: str | os.PathLike[str] | VideoIndex | None = None,
    *,
    split: Split | None = None,
    listing: ListingConfig | None = None,
    views: str | Views = "1x1",
    frame_order: FrameOrder = "kept",
    flip_pairs: Mapping[str, str] | None = None,
    num_frames: int | None = None,
    seconds: float | None = None,
    frame_stride: int | None = None,
    size: int | None = None,
    short_side: int | None = None,
    batch_size: int = 16,
    num_workers: int | None = None,
    skip_broken: bool = False,
    device: str = "auto",
    k: int | None = None,
    dtype: torch.dtype | None = None,
    engine: EngineName | None = None,
    address: str | None = None,
    deadline_s: float = DEADLINE_S,
    out: str | os.PathLike[str] | None = None,
    submission: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Predict every video of a set and compare with its label, where it has one.

    A video's probabilities are the mean of those of its views. Under ``torchrun`` each process
    takes its share of the videos; all of them return the whole report, and the main one writes.

    Where videos may show several labels, an evaluation of a run on its own validation videos, with
    its own clips, also chooses each label's threshold, that of the best F1, and stores them in the
    run's card: predictions then say which labels are above. Other evaluations use those.

    Args:
        recognizer: anything that :meth:`motionlens.Recognizer.from_pretrained` takes, or a
            recognizer, whose own device, k and dtype do not count here.
        data: folder of class folders, list file or prepared data set; by default the run's own
            data.
        split: part of the data; by default the validation part of data that has one or of the
            run's own data, else everything.
        listing: how the videos are found; by default as in the run's recipe.
        views: clips of each video, and crops of each clip: 1, 3, 5, 6, 8, 10 or full; the result is
            their mean.
        frame_order: shuffled or still shows each clip with its frames at random, or its middle
            frame alone, which tells how much a recognizer owes to motion.
        flip_pairs: classes that swap when a video is mirrored, such as ``{left: right}``, ``{}`` if
            none does; only views of 10 crops are mirrored; by default what the recipe or the data
            set says.
        num_frames: frames of a clip; by default the recognizer's own.
        seconds: length of a clip; by default the recognizer's own.
        frame_stride: count frames instead, and take them this many apart.
        size: rows and columns of the centre and corner crops, pixels; by default the recognizer's
            own.
        short_side: length that the short side of frames is resized to, pixels; by default the
            recognizer's own.
        batch_size: views per batch; changes the result by rounding only.
        num_workers: processes that decode; by default none for fewer than 16 videos, else one per
            free CPU core.
        skip_broken: list videos that cannot be decoded in the report, instead of stopping.
        device: where to run; auto takes an accelerator if there is one, and each process its own.
        k: proposals per position, instead of the model's own.
        dtype: number format of the weights, float32 by default; bfloat16 is faster on processors
            that have it, and rounds.
        engine: run as a job that goes on where it was ended, and survives videos that crash or hang
            their process: local, in processes of this machine, or ray, on a Ray cluster; by default
            in this process alone.
        address: of the cluster: auto for the one that this machine belongs to, local to start one
            here, or HOST:PORT of its head; by default auto.
        deadline_s: seconds that a batch of videos may take in a job.
        out: folder for the report and its pictures; by default ``evaluation`` in the run folder,
            ``evaluation_test`` for the test part, and none for a recognizer that is no run folder
            of this machine.
        submission: file for the predictions, in the form of the data set's leaderboard.
        on_progress: called in the main process before the first and after every video with the
            number of videos done and of all videos.

    Returns:
        The report; accuracies are in 0 to 1.

    Raises:
        ValueError: If the run or the data cannot be used, the data has a class that the recognizer
            does not know, a video cannot be decoded and is not to be skipped, or views are
            mirrored and it is not known which classes swap; if a file cannot be written.
        RuntimeError: If not every video was predicted exactly once with all its views.
    """
    source: DataSource | None = None
    if isinstance(recognizer, Recognizer):
        model, card, title = recognizer.model, recognizer.card, recognizer.card.model
    else:
        model, card = load_checkpoint(recognizer)
        source, title = DataSource.of_run(recognizer), as_path(recognizer).resolve().name
        out = out or default_out(recognizer, split)
        if data is None and source is not None and is_address(recognizer) > is_address(source.data):
            raise ValueError(
                f"data must be given: the run in {recognizer} was trained on files of a machine"
            )
    if out is not None:
        check_writable(out)
    if submission is not None:
        read = data or (source.data if source else None)
        check_file(submission, "submission", [read] if isinstance(read, (str, os.PathLike)) else [])
    views = replace(Views.parse(views), frame_order=frame_order)
    clip_changes = (num_frames, seconds, frame_stride, size, short_side, k, frame_order != "kept")
    # Thresholds are chosen on a run's own validation videos, and nowhere else.
    is_own = source is not None and data is None and split in (None, "validation")
    chooses = is_own and not any(clip_changes)
    own_card = card
    spec = None
    if not isinstance(data, VideoIndex):
        spec = spec_of(data or (source.data if source else None))
        data = open_evaluated(source, data, split, listing)
    if flip_pairs is None:
        flip_pairs = known_flip_pairs(source, data)
    index = data.with_classes(card.class_names)
    if card.multi_label:
        index = index.with_targets()
    card = replace(
        card,
        sampling=_sampling(card.sampling, num_frames, seconds, frame_stride),
        preprocessing=replace(card.preprocessing, **_given(size=size, short_side=short_side)),
    )
    runner = Runner(model, card, device=device, k=k, dtype=dtype)
    results = run_jobs_or_shared(
        runner,
        index,
        "probabilities",
        None if out is None else Path(out, "parts"),
        engine=engine,
        address=address,
        deadline_s=deadline_s,
        views=views,
        swap=_swap(views, card, flip_pairs),
        batch_size=batch_size,
        num_workers=num_workers,
        skip_broken=skip_broken,
        on_progress=on_progress,
    )
    settings = {
        "model": card.model,
        "parameters": sum(values.numel() for values in model.parameters()),
        "k": k,
        "split": split,
        "dtype": dtype and str(dtype),
        "views": str(views),
        "frame_order": frame_order,
    }
    clip = card.to_dict()
    names = ("sampling_mode", "num_frames", "seconds", "frame_stride", "size", "short_side")
    settings |= {name: clip[name] for name in names if name in clip}
    report = _make_report(card, index, results, settings)
    if card.multi_label and report.targets is not None:
        thresholds, scored, origin = card.label_thresholds, report.scored, "the recognizer's"
        if (
            chooses
            and len(scored)
            and source is not None
            and not isinstance(recognizer, Recognizer)
        ):
            thresholds = choose_thresholds(report.probabilities[scored], report.targets[scored])
            origin = CHOSEN_HERE
            if is_main() and not is_address(recognizer):
                save_card(recognizer, replace(own_card, thresholds=thresholds))
        settings["thresholds"] = origin
        report = replace(report, thresholds=thresholds)
    if out is not None and is_main():
        write_report(report, Path(out), title=f"Evaluation of {title}")
    if submission is not None and is_main():
        text = submission_text(report, spec.submission_labels if spec else None)
        write_atomically(Path(submission), text.encode())
    return report


def default_out(recognizer: str | os.PathLike[str], split: Split | None) -> Path | None:
    """The default folder of an evaluation's report; None for anything but a run folder."""
    if is_address(recognizer) or DataSource.of_run(recognizer) is None:
        return None
    # 'motionlens compare' reads the first, which must not lose its labels to a test part.
    return Path(recognizer, f"{EVALUATION_FOLDER}_test" if split == "test" else EVALUATION_FOLDER)


def _make_report(
    card: ModelCard, index: VideoIndex, results: Iterable[Result], settings: Mapping[str, Any]
) -> EvaluationReport:
    kept, rows, broken = [], [], []
    for i, (_, row) in enumerate(results):
        if isinstance(row, Tensor):
            kept.append(i)
            rows.append(row)
        else:
            broken.append((str(index.path(i)), str(row)))
    if broken and not kept:
        raise ValueError(f"all {len(index)} videos are broken, the first: {broken[0][1]}")
    windows = tuple(index.window(i) for i in kept)
    return EvaluationReport(
        class_names=card.class_names,
        paths=tuple(str(index.path(i)) for i in kept),
        labels=np.asarray(index.labels[kept], dtype=np.int64),
        probabilities=torch.stack(rows).numpy(),
        targets=None if index.targets is None else index.targets[kept],
        windows=windows if any(window != (None, None) for window in windows) else None,
        broken=tuple(broken),
        settings=settings,
        fps=index.fps,
    )


def _sampling(
    own: Sampling, num_frames: int | None, seconds: float | None, frame_stride: int | None
) -> Sampling:
    """The recognizer's own sampling, or what is asked for in its place."""
    if seconds is not None and frame_stride is not None:
        raise ValueError("seconds and frame_stride exclude each other; give one")
    if frame_stride is not None:
        own = replace(own, frame_stride=frame_stride, seconds=None)
    return replace(own, **_given(num_frames=num_frames, seconds=seconds))


def _given(**values: Any) -> dict[str, Any]:
    """The values that are given."""
    return {name: value for name, value in values.items() if value is not None}


def _swap(views: Views, card: ModelCard, flip_pairs: Mapping[str, str] | None) -> Tensor | None:
    """What each probability of a mirrored view stands for; None where no view is mirrored."""
    if not views.has_mirrored:
        return None
    if flip_pairs is None:
        raise ValueError(
            f"views {views} are mirrored, and it is not known which classes swap then; give "
            "flip_pairs, {} if none does, or take other crops"
        )
    try:
        swaps = LabelSymmetries(horizontal_flip=flip_pairs).resolve(card.class_names)
    except ValueError as error:
        raise ValueError(str(error).replace("horizontal_flip", "flip_pairs")) from None
    return torch.from_numpy(swaps["horizontal_flip"])
