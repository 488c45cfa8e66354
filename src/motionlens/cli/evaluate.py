"""Evaluate a recognizer on labelled videos: accuracies and confusion matrix."""

import argparse
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from motionlens._utils.distributed import is_main
from motionlens._utils.progress import progress
from motionlens._utils.tables import Output
from motionlens.cli import _arguments as shared
from motionlens.datasets.parts import num_trained_on
from motionlens.datasets.source import RECIPE_FILE, DataSource, read_yaml
from motionlens.inference.evaluation import CHOSEN_HERE, default_out, evaluate
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.tables import class_table, confusion_table

# A wider confusion matrix fits no terminal; the files hold it all the same.
MAX_PRINTED_CLASSES = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser, optional=False)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    shared.add_options(parser, evaluate, "data")
    shared.add_options(parser, evaluate, flip_pairs={"type": _mapping, "metavar": "MAPPING"})
    shared.add_listing(parser)


def _mapping(text: str) -> dict[str, str]:
    values = yaml.safe_load(text)
    if not isinstance(values, dict):
        raise argparse.ArgumentTypeError(f"must be a mapping such as {{left: right}}, got {text}")
    return {str(key): str(value) for key, value in values.items()}


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the report."""
    source = DataSource.of_run(args.run)
    with progress("videos") as show:
        report = shared.call(
            evaluate,
            args,
            recognizer=args.run,
            listing=shared.given_listing(args, source.listing if source else None),
            on_progress=show,
        )
    if is_main() and args.json:
        print(report.to_json(), end="")
    elif is_main():
        _print(report)
        out = args.out or default_out(args.run, args.split)
        if out is not None:
            confusion = " and the confusion" if report.has_accuracy else ""
            print(f"report.html, report.json, predictions.csv{confusion} are in {out}")
        if args.submission is not None:
            print(f"the submission is in {args.submission}")
        if report.settings.get("thresholds") == CHOSEN_HERE:
            print(
                "Thresholds are those of the best F1 on these videos, so that F1 is optimistic "
                "here. They are in config.json: predict, serve and other evaluations use them."
            )
        if source and args.data and args.split not in ("train", "all") and len(report.scored):
            _say_what_was_trained_on(source, report)
        is_best = source and read_yaml(Path(args.run, RECIPE_FILE)).get("keep") == "best"
        if is_best and len(report.scored):
            print("The run kept its best epoch: on its validation part this is optimistic.")
    return 0


def _say_what_was_trained_on(source: DataSource, report: EvaluationReport) -> None:
    if number := num_trained_on(source, report.paths):
        print(
            f"{number} of these {len(report.paths)} videos were trained on: "
            "figures on them are too good."
        )


def _print(report: EvaluationReport) -> None:
    console = Output()
    if not len(report.scored):
        print(f"{report.num_videos} videos predicted; none has a label to compare with.")
    else:
        console.print(class_table(report))
        if len(report.class_names) <= MAX_PRINTED_CLASSES and not report.is_multi_label:
            console.print(confusion_table(report))
        if unlabelled := report.num_videos - len(report.scored):
            print(f"{unlabelled} videos without a label are predicted and not scored.")
    if report.broken:
        print(f"{len(report.broken)} broken videos are left out, the first:")
        print(f"  {report.broken[0][1]}")
