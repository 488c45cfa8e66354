"""Recognize what videos show: label and probability a file, or with --stream events over time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
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
from motionlens.cli._videos import decoding_processes, expand, index_files

if TYPE_CHECKING:
    from motionlens.inference.recognizer import Recognizer
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
    from motionlens._utils.distributed import is_main, process_group

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
    with process_group(recognizer.device):
        # Every process reads all of them, for they wait for each other; one prints.
        for prediction in _predictions(recognizer, videos, args, report_broken):
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


def _predictions(
    recognizer: Recognizer, videos: list[str], args: Any, report_broken: Any
) -> Iterator[Prediction]:
    """Predictions of all processes in the order of the videos, as they come."""
    from motionlens.inference.runner import (
        in_turn,
        own_videos,
        resolve_num_workers,
        run_videos,
        view_plan,
    )
    from motionlens.report.prediction import best_labels

    if args.top < 1:
        raise ValueError(f"top must be at least 1, got {args.top}")
    if not videos:
        return
    results = run_videos(
        recognizer.model,
        own_videos(index_files(videos)),
        view_plan(recognizer.card),
        lambda clips: recognizer.card.probabilities(recognizer.model(clips)),
        batch_size=args.batch_size,
        num_workers=resolve_num_workers(decoding_processes(args.num_workers, len(videos))),
        device=recognizer.device,
        skip_broken=True,
    )
    for path, result in zip(videos, in_turn(results, len(videos)), strict=True):
        if result.row is None:
            report_broken(path, result.error)
        else:
            yield best_labels(recognizer.class_names, path, result.row, args.top)


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
