"""Measure speed and memory side by side with the alternatives, on this machine.

Alternatives run in turns. A cell holds milliseconds (median), how many times ours that is, and the
peak memory of tensors.
"""

import argparse
import sys

from motionlens._utils.tables import Output, console_table
from motionlens.bench.measuring import bench
from motionlens.bench.report import tables
from motionlens.bench.suites import Case
from motionlens.cli import _arguments as shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_options(parser, bench)


def run(args: argparse.Namespace) -> int:
    """Measure, print the tables, write the results."""
    results, about = shared.call(bench, args, on_case=_show)
    console = Output()
    for title, headings, rows in tables(results):
        left = range(len(headings))
        console.print(console_table(headings, rows, title=title, left=left))
    print(", ".join(f"{key} {value}" for key, value in about.items() if value is not None))
    if args.out is not None:
        print(f"written: {args.out}")
    return 0


def _show(case: Case) -> None:
    print(f"{case.group}: {case.name}", file=sys.stderr, flush=True)
