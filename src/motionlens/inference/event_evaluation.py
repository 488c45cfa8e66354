"""Evaluate how well a recognizer finds actions in long videos: streams against annotations."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from motionlens._utils.addresses import as_path
from motionlens._utils.files import check_writable
from motionlens.datasets.background import AnnotatedVideo, annotated_videos
from motionlens.datasets.parts import open_annotated
from motionlens.datasets.source import DataSource, ListingConfig, Split
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.inference.evaluation import default_out
from motionlens.inference.runner import Runner
from motionlens.inference.streaming.events import EventDetector, EventRules
from motionlens.inference.streaming.windows import WindowStream
from motionlens.report.detection import temporal_iou
from motionlens.report.event import Event
from motionlens.report.event_report import PICTURE_FOLDER, EventReport, VideoEvents
from motionlens.report.plots.probability_trace import ProbabilityTrace
from motionlens.video.frames import VideoError

# Where nothing reaches the rules' thresholds, these are tried, so that what is found less surely
# comes later in the ranking and is not missing from it.
WEAKER_THRESHOLDS = (0.3, 0.2, 0.1, 0.05)
MOST_PICTURES = 50


def evaluate_events(
    recognizer: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    split: Split | None = None,
    listing: ListingConfig | None = None,
    rules: EventRules | None = None,
    hop: int | None = None,
    window_s: float | None = None,
    seconds: float | None = None,
    batch_size: int = 8,
    skip_broken: bool = False,
    device: str = "auto",
    k: int | None = None,
    dtype: torch.dtype | None = None,
    out: str | os.PathLike[str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EventReport:
    """Look at all of each annotated video, and compare the events with the annotations.

    A video is streamed once, window by window, so its length does not matter. The metric is the
    mean average precision at temporal IoU 0.3 to 0.7, by the rule of ActivityNet; see
    :mod:`motionlens.report.detection`. For it, where a stream gives no event, less probable ones
    are ranked behind.

    Args:
        recognizer: anything that :meth:`motionlens.Recognizer.from_pretrained` takes.
        data: list with path, start, end and label, or prepared data set; by default the run's own.
        split: part of the data; by default the validation part of data that has one or of the
            run's own data, else everything.
        listing: how the videos are found; by default as in the run's recipe.
        rules: how probabilities become events, as for :meth:`motionlens.Recognizer.events`.
        hop: clip frames from one window to the next; by default a quarter of a clip.
        window_s: length of a window, seconds; by default that of the recognizer's clips.
        seconds: length of a clip; by default the recognizer's own.
        batch_size: windows per batch.
        skip_broken: list videos that cannot be read in the report, instead of stopping.
        device: where to run; auto takes an accelerator if there is one.
        k: proposals per position, instead of the model's own.
        dtype: number format of the weights, float32 by default.
        out: folder for the report and its pictures; by default that of other evaluations in the
            run folder, and none for a recognizer that is no run folder.
        on_progress: called before the first and after every video with the number of videos done
            and of all.

    Returns:
        The report.

    Raises:
        ValueError: If the run or the data cannot be used, no annotation has a start and an end, a
            label is unknown to the recognizer, a video cannot be read and is not to be skipped,
            or a file cannot be written.
    """
    model, card = load_checkpoint(recognizer)
    source, out = DataSource.of_run(recognizer), out or default_out(recognizer, split)
    if out is not None:
        check_writable(out)
    if listing is None and source is None:
        listing = ListingConfig(background=card.background or None)
    index = open_annotated(source, data, split, listing).with_classes(card.class_names)
    videos = annotated_videos(index, card.background)
    if not any(action.window[1] is not None for video in videos for action in video.actions):
        raise ValueError(
            f"{data or (source and source.data)}: has no annotations with start and end, which "
            "events are compared with; give a list with path, start, end and label"
        )
    if seconds is not None:
        card = replace(card, sampling=replace(card.sampling, seconds=seconds))
    runner = Runner(model, card, device=device, k=k, dtype=dtype)
    detector = EventDetector.of_card(card, rules)
    rules = detector.rules
    pictures = None if out is None else _Pictures(Path(out), card.class_names)
    found, broken = [], []
    if on_progress is not None:
        on_progress(0, len(videos))
    for number, video in enumerate(videos, 1):
        path = index.root / video.path
        stream = WindowStream(
            runner, path, hop=hop, window_s=window_s, batch_size=batch_size, folder_fps=index.fps
        )
        try:
            events, trace = _find(stream, video, card, rules)
            found.append(events)
            if pictures is not None:
                pictures.draw(events, trace)
        except VideoError as error:
            if not skip_broken:
                raise
            broken.append((str(path), str(error)))
        if on_progress is not None:
            on_progress(number, len(videos))
    if not found:
        raise ValueError(f"all {len(videos)} videos are broken, the first: {broken[0][1]}")
    report = EventReport(
        class_names=tuple(name for name in card.class_names if name not in rules.background),
        videos=tuple(found),
        broken=tuple(broken),
        settings={
            **{"model": card.model, "clip": str(card.sampling), "hop": stream.hop},
            **{"window_s": window_s, "k": k, "split": split},
            **asdict(rules),
            **{"on": _plain(detector.on), "off": _plain(detector.off)},
            "background": list(rules.background),
        },
    )
    if out is not None and pictures is not None:
        title = f"Events found by {as_path(recognizer).resolve().name}"
        report.write(Path(out), title=title, pictures=pictures.names)
    return report


def _find(
    stream: WindowStream, video: AnnotatedVideo, card: ModelCard, rules: EventRules
) -> tuple[VideoEvents, ProbabilityTrace]:
    """Go through a video once, with a detector for each threshold."""
    detectors = [EventDetector.of_card(card, rules)]
    weaker = [t for t in WEAKER_THRESHOLDS if t < detectors[0].off.min()]
    detectors += [EventDetector.of_card(card, replace(rules, on=t, off=t)) for t in weaker]
    found: list[list[Event]] = [[] for _ in detectors]
    trace = ProbabilityTrace(len(card.class_names))
    for window in stream:
        trace.add_window(window)
        for detector, events in zip(detectors, found, strict=True):
            events += detector.take(window)
    for detector, events in zip(detectors, found, strict=True):
        events += detector.finish()
    result = VideoEvents(
        path=video.path,
        duration_s=stream.feed.end_s,
        truth=tuple(_truth(video, stream.feed.end_s)),
        found=tuple(found[0]),
        weaker=tuple(_apart(found)[len(found[0]) :]),
    )
    return result, trace


def _plain(limits: NDArray[np.float64]) -> float | list[float]:
    """A limit of all labels as one number, different ones as a list."""
    return float(limits[0]) if (limits == limits[0]).all() else limits.tolist()


def _truth(video: AnnotatedVideo, end_s: float) -> list[Event]:
    """The annotated actions; one without a start or end has those of the video."""
    return [
        Event(label=label, start_s=start or 0.0, end_s=end_s if end is None else end, confidence=1)
        for action in video.actions
        for label in action.labels
        for start, end in [action.window]
    ]


def _apart(found: Sequence[Sequence[Event]]) -> list[Event]:
    """The events of the first threshold, and those of each further one where none is yet."""
    kept = list(found[0])
    for events in found[1:]:
        kept += [
            event
            for event in events
            if not any(e.label == event.label and temporal_iou(e, event) for e in kept)
        ]
    return kept


class _Pictures:
    """Draws what was found in each of the first videos; no probabilities are kept for it.

    Args:
        out: folder of the report; older pictures in it are removed.
        class_names: in the order of the probabilities.
    """

    def __init__(self, out: Path, class_names: Sequence[str]) -> None:
        self._folder, self._class_names = out / PICTURE_FOLDER, class_names
        self.names: list[str] = []
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob("*.png"):
            old.unlink()

    def draw(self, video: VideoEvents, trace: ProbabilityTrace) -> None:
        """Draw the next video."""
        if len(self.names) >= MOST_PICTURES:
            return
        # Loads matplotlib, which takes a second.
        from motionlens.report.plots.timeline import draw_timeline

        picture = self._folder / f"{len(self.names):03}_{Path(video.path).stem}.png"
        draw_timeline(
            video.found,
            picture,
            class_names=self._class_names,
            start_s=0.0,
            end_s=video.duration_s,
            title=video.path,
            trace=trace,
            truth=video.truth,
            wrong=video.wrong,
        )
        self.names.append(f"{PICTURE_FOLDER}/{picture.name}")
