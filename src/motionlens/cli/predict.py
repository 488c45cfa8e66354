"""Recognize what videos show: label and probability per file, or with --stream events over time."""

import argparse
import sys

from motionlens._utils.distributed import is_main, world_size
from motionlens._utils.errors import json_line
from motionlens._utils.files import check_file
from motionlens._utils.numbers import counted, percent
from motionlens._utils.progress import progress
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.cli._streaming import add_stream_options, watch_source
from motionlens.inference.batch_prediction import predict_videos
from motionlens.inference.part_files import check_parts
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.runner import read_clip
from motionlens.report.prediction import Prediction
from motionlens.video.file import open_video
from motionlens.video.find import expand_folders
from motionlens.video.frames import VideoError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="videos, or folders with all videos inside"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.add_argument(
        "--sheet",
        metavar="PATH",
        help="also draw a picture of the videos, the first 48, with their labels: .png, .svg, .pdf",
    )
    shared.add_options(parser, Recognizer.predict)
    shared.add_options(parser, Recognizer.from_pretrained)
    shared.add_options(parser, predict_videos, "out", out={"default": None})
    _add_job_options(parser)
    parser.add_argument(
        "--stream",
        action="store_true",
        help="look at all of each video, in overlapping windows, and print one JSON line per "
        "event; the options below are for that",
    )
    add_stream_options(parser)


def _add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that only a job with ``--out`` has."""
    shared.add_options(parser, predict_videos, "engine", "address", "deadline_s")


def run(args: argparse.Namespace) -> int:
    """Predict; return 0 if all went well, 1 if some files could not be read, 2 if none could."""
    shared.split_run_and_files("predict", args)
    if args.stream:
        if args.out is not None:
            raise ValueError("--out is for one prediction a video; leave it or --stream out")
        return _stream(args)
    if given := shared.given_options(args, add_stream_options):
        raise ValueError(f"--{given[0]} is for --stream; add that, or leave it out")
    if args.out is not None:
        return _run_job(args)
    if given := shared.given_options(args, _add_job_options):
        raise ValueError(f"--{given[0]} is for results in a folder; add --out FOLDER")
    recognizer = shared.call(Recognizer.from_pretrained, args, source=args.run)
    if args.sheet is not None:
        _check_sheet(args.sheet, args.files)
    failures = shared.Failures()
    predictions = []
    num_done = 0
    # Every process reads all of them, because they wait for each other; one prints.
    for prediction in shared.call(
        recognizer.predict_each, args, videos=args.files, on_error=failures, shared=True
    ):
        num_done += 1
        if is_main() and args.json:
            print(json_line(prediction.to_dict(digits=6)), flush=True)
        if is_main() and (args.sheet or not args.json):
            predictions.append(prediction)
    if predictions and not args.json:
        _print_table(predictions)
    if args.sheet and predictions:
        _draw_sheet(recognizer, predictions, args)
    return failures.status(num_done)


def _run_job(args: argparse.Namespace) -> int:
    """Predict into a folder."""
    if args.json or args.sheet is not None:
        name = "json" if args.json else "sheet"
        raise ValueError(f"--{name} is not for results in a folder; leave it or --out out")
    check_parts(args.out)
    failures = shared.Failures()
    with progress("videos") as show:
        num_done = shared.call(
            predict_videos,
            args,
            recognizer=shared.call(Recognizer.from_pretrained, args, source=args.run),
            videos=args.files,
            on_error=failures,
            on_progress=show,
        )
    print(f"{args.out}: {counted(num_done, 'video')}, {failures.count} without a prediction")
    return failures.status(num_done)


def _check_sheet(path: str, files: list[str]) -> None:
    """Find out before any work that a picture can be written, and takes the place of no input."""
    from motionlens.report.plots.style import check_picture_name

    check_picture_name(path, "sheet")
    check_file(path, "sheet", files)


def _draw_sheet(
    recognizer: Recognizer, predictions: list[Prediction], args: argparse.Namespace
) -> None:
    """Draw what was predicted; the frames are decoded again, those of the clips alone."""
    from motionlens.report.plots.sheet import MOST_VIDEOS, SheetEntry, draw_sheet

    entries = []
    for prediction in predictions[:MOST_VIDEOS]:
        with open_video(prediction.path, fps=args.folder_fps) as reader:
            _, frames = read_clip(reader, recognizer.card.sampling)
        entries.append(SheetEntry(frames.data.permute(0, 2, 3, 1).numpy(), prediction))
    draw_sheet(entries, args.sheet)
    print(f"the picture is in {args.sheet}", file=sys.stderr if args.json else sys.stdout)


def _stream(args: argparse.Namespace) -> int:
    """Watch the videos one after another."""
    if world_size() > 1:
        raise ValueError("--stream watches videos in one process; start it without torchrun")
    recognizer = shared.call(Recognizer.from_pretrained, args, source=args.run)
    failures = shared.Failures()
    videos = expand_folders(args.files, failures)
    for name in ("srt", "timeline"):
        if getattr(args, name) and len(videos) > 1:
            raise ValueError(f"{name} is of one video, got {len(videos)}; name one at a time")
    num_done = 0
    for video in videos:
        try:
            if ended_by := watch_source(recognizer, video, args):
                return 128 + ended_by
            num_done += 1
        except VideoError as error:
            failures(video, error)
    return failures.status(num_done)


def _print_table(predictions: list[Prediction]) -> None:
    headings = ["video", "label", "probability"]
    headings += [] if predictions[0].above is None else ["above its threshold"]
    rows = []
    for prediction in predictions:
        pairs = zip(prediction.labels, prediction.probabilities, strict=True)
        if prediction.is_unknown:
            rows.append([prediction.path, "none of its labels", "", ""])
        for number, (label, value) in enumerate(pairs):
            is_first = not (number or prediction.is_unknown)
            row = [prediction.path if is_first else "", label, percent(value)]
            if prediction.above is not None:
                row.append("yes" if prediction.above[number] else "")
            rows.append(row)
    Output().print(console_table(headings, rows, left=(0, 1, 3)))
