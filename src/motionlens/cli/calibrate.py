"""Fit a temperature, so that a recognizer's probabilities can be trusted."""

import argparse
import math

from motionlens._utils.numbers import counted, percent
from motionlens._utils.progress import progress
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.datasets.source import DataSource
from motionlens.inference.calibration import Calibration, calibrate
from motionlens.report.tables import score_and_range


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser, optional=False)
    shared.add_options(parser, calibrate, "data")
    shared.add_options(parser, calibrate)
    shared.add_listing(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate and print what changed."""
    shared.refuse_addresses("calibrate", [args.run])
    source = DataSource.of_run(args.run)
    with progress("videos") as show:
        found = shared.call(
            calibrate,
            args,
            run=args.run,
            listing=shared.given_listing(args, source.listing if source else None),
            on_progress=show,
        )
    _print(found, args.run)
    return 0


def _print(found: Calibration, run: str) -> None:
    rows = [
        (name, score_and_range(*before), score_and_range(*after))
        for (name, before), after in zip(found.before.items(), found.after.values(), strict=True)
    ]
    Output().print(
        console_table(["", "before", "after"], rows, title=counted(found.num_videos, "video"))
    )
    print("In brackets 95 % intervals; 'after' is of temperatures fitted on other videos.")
    if found.temperature == 1:
        print("The temperature stays 1: others do no good on videos they were not fitted on.")
    else:
        kind = "certain" if found.temperature > 1 else "hesitant"
        print(f"The temperature is {found.temperature:g}: probabilities were too {kind}.")
    if found.unknown_below:
        wrong = found.wrong_refused
        of_wrong = "" if math.isnan(wrong) else f", and {percent(wrong)} of those that are wrong"
        print(
            f"Below {percent(found.unknown_below)} a prediction is no answer: that is "
            f"{percent(found.refused)} of these videos{of_wrong}."
        )
    print(f"config.json of {run} has it, so whatever uses the run does; see calibration.json.")
