"""Evaluate a recognizer on labelled videos: accuracies and confusion matrix."""

import argparse

import yaml  # type: ignore[import-untyped]

from motionlens._utils.addresses import as_path
from motionlens._utils.distributed import is_main, world_size
from motionlens._utils.numbers import counted
from motionlens._utils.progress import progress
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.cli._streaming import add_event_options, given_rules
from motionlens.datasets.parts import num_trained_on
from motionlens.datasets.source import RECIPE_FILE, DataSource, read_yaml
from motionlens.inference.evaluation import CHOSEN_HERE, default_out, evaluate
from motionlens.inference.event_evaluation import evaluate_events
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.event_report import HEADINGS
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
    parser.add_argument(
        "--events",
        action="store_true",
        help="look at all of each annotated video, and compare the events that are found with the "
        "annotations (path, start, end, label); the options below are for that",
    )
    add_event_options(parser)


def _mapping(text: str) -> dict[str, str]:
    values = yaml.safe_load(text)
    if not isinstance(values, dict):
        raise argparse.ArgumentTypeError(f"must be a mapping such as {{left: right}}, got {text}")
    return {str(key): str(value) for key, value in values.items()}


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the report."""
    shared.refuse_addresses("evaluate", [args.run])
    if args.data is None and shared.is_data(args.run):
        raise ValueError(
            f"{args.run} holds no recognizer; usage: motionlens evaluate RUN --data {args.run}"
        )
    source = DataSource.of_run(args.run)
    if args.events:
        return _run_events(args, source)
    if given := shared.given_options(args, add_event_options):
        raise ValueError(f"--{given[0]} is for --events; add that, or leave it out")
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
        is_best = source and read_yaml(as_path(args.run) / RECIPE_FILE).get("keep") == "best"
        if is_best and len(report.scored):
            print("The run kept its best epoch: on its validation part this is optimistic.")
    return 0


def _run_events(args: argparse.Namespace, source: DataSource | None) -> int:
    """Find the actions of annotated videos and print how many of them were found."""
    if world_size() > 1:
        raise ValueError("--events looks at videos in one process; start it without torchrun")
    unset = ("submission", "num_frames", "engine", "address")
    for name, value in {"views": "1x1", **dict.fromkeys(unset)}.items():
        if getattr(args, name) != value:
            raise ValueError(f"--{name} is not for --events; leave it out")
    with progress("videos") as show:
        report = shared.call(
            evaluate_events,
            args,
            recognizer=args.run,
            listing=shared.given_listing(args, source.listing if source else None),
            rules=given_rules(args),
            on_progress=show,
        )
    if args.json:
        print(report.to_json(), end="")
        return 0
    Output().print(console_table(HEADINGS, report.rows()))
    for line in report.lines():
        print(line)
    if report.broken:
        number = counted(len(report.broken), "broken video is", "broken videos are")
        print(f"{number} left out, the first:")
        print(f"  {report.broken[0][1]}")
    out = args.out or default_out(args.run, args.split)
    if out is not None:
        print(f"events.json, events.md and a picture of each video are in {out}")
    return 0


def _say_what_was_trained_on(source: DataSource, report: EvaluationReport) -> None:
    if number := num_trained_on(source, report.paths):
        print(
            f"{number} of {counted(len(report.paths), 'video')} "
            f"{'was' if number == 1 else 'were'} trained on: "
            "figures on them are too good."
        )


def _print(report: EvaluationReport) -> None:
    console = Output()
    if not len(report.scored):
        print(f"{counted(report.num_videos, 'video')} predicted; none has a label to compare with.")
    else:
        console.print(class_table(report))
        if len(report.class_names) <= MAX_PRINTED_CLASSES and not report.is_multi_label:
            console.print(confusion_table(report))
        if unlabelled := report.num_videos - len(report.scored):
            one, several = "video without a label is", "videos without a label are"
            print(f"{counted(unlabelled, one, several)} predicted and not scored.")
    if report.broken:
        number = counted(len(report.broken), "broken video is", "broken videos are")
        print(f"{number} left out, the first:")
        print(f"  {report.broken[0][1]}")
