"""Recognize what videos show: label and probability a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cpnet._errors import one_line
from cpnet.cli._arguments import add_batch_size, add_device, add_dtype, add_k, optimized, output

if TYPE_CHECKING:
    from cpnet.prediction import Prediction


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "run", help="run folder, exported .onnx file, or a model on the Hugging Face hub"
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="videos, or folders with all videos inside"
    )
    parser.add_argument("--top", type=int, default=1, help="labels to name for each")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_batch_size(parser, 8)
    add_k(parser)
    add_dtype(parser)
    add_device(parser)


def run(args: Any) -> int:
    """Predict; return 0 if all went well, 1 if some files could not be read, 2 if none could."""
    from cpnet.prediction import Recognizer

    recognizer = optimized(
        Recognizer.from_pretrained(args.run, device=args.device, k=args.k), args.dtype
    )
    failed = []

    def report_broken(path: str, error: Exception) -> None:
        failed.append(path)
        print(f"cpnet: error: {one_line(error)}", file=sys.stderr)

    found = recognizer.predict_each(
        _expand(args.files, report_broken),
        top=args.top,
        batch_size=args.batch_size,
        on_error=report_broken,
    )
    if args.json:
        done = 0
        for prediction in found:
            print(_as_json(prediction), flush=True)
            done += 1
    else:
        predictions = list(found)
        done = len(predictions)
        if predictions:
            _print_table(predictions)
    if failed:
        return 1 if done else 2
    return 0


def _expand(files: list[str], report_broken: Any) -> list[str]:
    """The videos that are meant: folders of videos are replaced by what is in them."""
    from cpnet.data.video import find_videos, is_video

    videos: list[str] = []
    for name in files:
        if not name:
            report_broken(name, ValueError("a file's name must not be empty, got ''; name a video"))
            continue
        path = Path(name)
        if not path.is_dir() or is_video(path):
            videos.append(name)
            continue
        found = find_videos(path)
        if not found:
            report_broken(name, ValueError(f"{name}: no videos in this folder; name another"))
        videos.extend(str(video) for video in found)
    return videos


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
