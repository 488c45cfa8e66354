"""Evaluate a recognizer on labelled videos: accuracies and confusion matrix."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from motionlens._utils.files import check_writable
from motionlens.cli._arguments import (
    add_batch_size,
    add_device,
    add_dtype,
    add_k,
    add_listing,
    add_views,
    given_listing,
    output,
    show_progress,
    torch_dtype,
)

if TYPE_CHECKING:
    from motionlens.report.evaluation_report import EvaluationReport

HTML_FILE, PICTURE_FILE = "report.html", "confusion.png"

# A wider confusion matrix fits no terminal; files hold it all the same.
MAX_PRINTED_CLASSES = 12


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "run", help="run folder, exported .onnx file, or a model on the Hugging Face hub"
    )
    parser.add_argument(
        "--data",
        help="folder of class folders, list file or prepared data set; the run's own data if not "
        "given",
    )
    parser.add_argument(
        "--split",
        choices=["train", "validation", "test", "all"],
        help="part of the data; by default the validation part of data that has one or of the "
        "run's own data, else everything",
    )
    parser.add_argument(
        "--out",
        help="folder for the report and its pictures; by default RUN/evaluation, of the test part "
        "RUN/evaluation_test",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--submission",
        help="file to write the predictions into as the data set's leaderboard took them",
    )
    parser.add_argument(
        "--skip_broken",
        action="store_true",
        help="count and list videos that cannot be decoded, instead of stopping",
    )
    add_views(parser)
    parser.add_argument(
        "--flip_pairs",
        type=_mapping,
        help="classes that swap when a video is mirrored, such as '{left: right}', {} if none: for "
        "10 crops; by default what the recipe or the data set says",
    )
    parser.add_argument("--num_frames", type=int, help="of a clip, instead of the recognizer's own")
    parser.add_argument("--frame_stride", type=int, help="step between them, likewise")
    parser.add_argument("--size", type=int, help="of the centre and corner crops, pixels, likewise")
    parser.add_argument("--short_side", type=int, help="that frames are resized to, likewise")
    add_batch_size(parser, 16)
    parser.add_argument("--num_workers", type=int, help="processes that decode")
    add_k(parser)
    add_dtype(parser)
    add_device(parser)
    add_listing(parser)


def _mapping(text: str) -> dict[str, str]:
    values = yaml.safe_load(text)
    if not isinstance(values, dict):
        raise ArgumentTypeError(f"must be a mapping such as {{left: right}}, got {text}")
    return {str(key): str(value) for key, value in values.items()}


def run(args: Any) -> int:
    """Evaluate and print the report."""
    from motionlens._utils.distributed import is_main
    from motionlens.datasets.source import RECIPE_FILE
    from motionlens.inference.evaluation import evaluate
    from motionlens.training.run_folder import run_recipe

    run = Path(args.run)
    recipe = run_recipe(run) if (run / RECIPE_FILE).is_file() else None
    # What 'motionlens compare' reads is not replaced by predictions for a part without labels.
    name = "evaluation_test" if args.split == "test" else "evaluation"
    out = args.out or (str(run / name) if recipe else None)
    if out is not None:
        check_writable(out)
    if args.submission is not None:
        _check_file(args.submission)
    report = evaluate(
        args.run,
        args.data,
        listing=given_listing(args, recipe.listing if recipe else None),
        split=args.split,
        views=args.views,
        flip_pairs=args.flip_pairs,
        num_frames=args.num_frames,
        frame_stride=args.frame_stride,
        size=args.size,
        short_side=args.short_side,
        batch_size=args.batch_size,
        num_workers=args.num_workers,
        skip_broken=args.skip_broken,
        device=args.device,
        k=args.k,
        dtype=torch_dtype(args.dtype),
        out=out,
        on_progress=show_progress if sys.stderr.isatty() and is_main() else None,
    )
    if not is_main():
        return 0
    if out is not None:
        _draw(report, Path(out), title=f"Evaluation of {run.resolve().name}")
    if args.submission is not None:
        from motionlens.datasets.catalog.names import spec_of
        from motionlens.report.submission import write_submission

        spec = spec_of(args.data or (recipe.data if recipe else None))
        labels = spec.submission_labels if spec else None
        write_submission(report, labels, Path(args.submission))
    if args.json:
        print(report.to_json(), end="")
        return 0
    _print(report, out, args.submission)
    if recipe is not None and recipe.keep == "best" and len(report.scored):
        output().print("The run kept its best epoch: on its validation part this is optimistic.")
    return 0


def _check_file(path: str) -> None:
    """Find out before any work that the submission can be written."""
    folder = Path(path).absolute().parent
    if Path(path).is_dir() or not folder.is_dir():
        raise ValueError(f"submission must be in a folder that exists, {path} is not; make it")
    check_writable(folder, "submission")


def _draw(report: EvaluationReport, out: Path, *, title: str) -> None:
    from motionlens.report.html_report import write_html
    from motionlens.report.plots.confusion import draw_confusion

    write_html(report, out / HTML_FILE, title=title, fps=report.fps)
    if not report.has_accuracy:
        (out / PICTURE_FILE).unlink(missing_ok=True)  # an earlier evaluation's
    else:
        draw_confusion(report.confusion, report.class_names, out / PICTURE_FILE)


def _print(report: EvaluationReport, out: str | None, submission: str | None) -> None:
    from motionlens.report.tables import class_table, confusion_table

    console = output()
    if len(report.scored):
        console.print(class_table(report))
        if len(report.class_names) <= MAX_PRINTED_CLASSES and not report.is_multi_label:
            console.print(confusion_table(report))
    else:
        console.print(f"{report.num_videos} videos predicted; none has a label to compare with.")
    unlabelled = report.num_videos - len(report.scored)
    if unlabelled and len(report.scored):
        console.print(f"{unlabelled} videos without a label are predicted and not scored.")
    if report.broken:
        console.print(f"{len(report.broken)} broken videos are left out, the first:")
        console.print(f"  {report.broken[0][1]}", soft_wrap=True)
    if out is not None:
        files = f"{HTML_FILE}, report.json, predictions.csv"
        files += "" if not report.has_accuracy else " and the confusion"
        console.print(f"{files} are in {out}", soft_wrap=True)
    if submission is not None:
        console.print(f"the submission is in {submission}", soft_wrap=True)
