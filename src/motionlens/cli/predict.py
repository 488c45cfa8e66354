"""Recognize what videos show: label and probability a file, or with --stream events over time."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from motionlens.cli._arguments import (
    add_batch_size,
    add_device,
    add_dtype,
    add_k,
    add_run,
    load_recognizer,
    output,
    split_run,
)
from motionlens.cli._streaming import (
    Follower,
    add_stream_arguments,
    given_stream_options,
    stopping_on_signals,
    summary,
)
from motionlens.cli._videos import expand

if TYPE_CHECKING:
    from motionlens.report.prediction import Prediction


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    add_run(parser)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="videos, or folders with all videos inside"
    )
    parser.add_argument("--top", type=int, default=1, help="labels to name for each")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_batch_size(parser, 8)
    parser.add_argument("--num_workers", type=int, help="processes that decode")
    add_k(parser)
    add_dtype(parser)
    add_device(parser)
    parser.add_argument(
        "--stream",
        action="store_true",
        help="look at all of each video, in overlapping windows, and print a JSON line an event; "
        "the options below are for that",
    )
    add_stream_arguments(parser)


def run(args: Any) -> int:
    """Predict; return 0 if all went well, 1 if some files could not be read, 2 if none could."""
    from motionlens._utils.distributed import is_main

    args.run, args.files = split_run(args.run, args.files)
    if not args.files:
        raise ValueError(f"a FILE must be given behind the run {args.run}; name a video")
    if args.stream:
        return _stream(args)
    if given := given_stream_options(args):
        raise ValueError(f"--{given[0]} is for --stream; add that, or leave it out")
    recognizer = load_recognizer(args)
    failed = []

    def report_broken(path: str, reason: str) -> None:
        failed.append(path)
        if is_main():
            print(f"motionlens: error: {reason}", file=sys.stderr)

    videos = expand(args.files, report_broken)
    predictions = []
    done = 0
    # Every process reads all of them, because they wait for each other; one prints.
    found = recognizer.predict_each(
        videos,
        top=args.top,
        batch_size=args.batch_size,
        num_workers=args.num_workers,
        on_error=lambda path, error: report_broken(path, str(error)),
        shared=True,
    )
    for prediction in found:
        done += 1
        if is_main() and args.json:
            print(_as_json(prediction), flush=True)
        elif is_main():
            predictions.append(prediction)
    if predictions:
        _print_table(predictions)
    if failed:
        return 1 if done else 2
    return 0


def _stream(args: Any) -> int:
    """Follow the videos one after another."""
    from motionlens._utils.distributed import world_size
    from motionlens.video.frames import VideoError

    if world_size() > 1:
        raise ValueError("--stream follows videos in one process; start it without torchrun")
    failed = []

    def report_broken(path: str, reason: str) -> None:
        failed.append(path)
        print(f"motionlens: error: {reason}", file=sys.stderr)

    follower = Follower(load_recognizer(args), args)
    videos = expand(args.files, report_broken)
    for name in ("srt", "timeline"):
        if getattr(args, name) and len(videos) > 1:
            raise ValueError(f"{name} is of one video, got {len(videos)}; name one at a time")
    done = 0
    for video in videos:
        follower.check_source(video)
        stream = follower.open(video)
        try:
            with stopping_on_signals(stream) as seen:
                num_events = follower.follow(stream)
        except VideoError as error:
            report_broken(video, str(error))
            continue
        summary(stream, num_events)
        if seen:
            return 128 + seen[0]
        done += 1
    if failed:
        return 1 if done else 2
    return 0


def _as_json(prediction: Prediction) -> str:
    pairs = zip(prediction.labels, prediction.probabilities, strict=True)
    labels = [{"label": label, "probability": round(value, 6)} for label, value in pairs]
    return json.dumps({"path": prediction.path, "predictions": labels}, ensure_ascii=False)


def _print_table(predictions: list[Prediction]) -> None:
    from rich.table import Table

    table = Table()
    table.add_column("video", overflow="fold")
    table.add_column("label", overflow="fold")
    table.add_column("probability", justify="right")
    for prediction in predictions:
        name = prediction.path
        for label, value in zip(prediction.labels, prediction.probabilities, strict=True):
            table.add_row(name, label, f"{100 * value:.1f} %")
            name = ""
    output().print(table)
