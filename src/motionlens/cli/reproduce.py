"""Reproduce a table or figure of the poster: train, evaluate, and put it beside the poster's.

Runs are kept: the same command goes on where an interrupted one was, and adds seeds and models.
"""

import argparse
import json
import sys
from pathlib import Path

from motionlens._utils.launch import launched
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.reproduce.experiments import DEFAULT_OUT, reproduce
from motionlens.reproduce.listing import HEADINGS, list_experiments
from motionlens.reproduce.results import PAGE_FILE, RESULTS_FILE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("name", nargs="?", help="of the table or figure; --list shows all")
    parser.add_argument(
        "--list", action="store_true", help="every table and figure, its command and its status"
    )
    shared.add_options(parser, reproduce)
    shared.add_listing(parser)


def run(args: argparse.Namespace) -> int:
    """Carry out the experiment, or list all; 1 if some runs failed."""
    if args.list:
        return _list(args.out)
    if args.name is None:
        raise ValueError("name must be given; 'motionlens reproduce --list' shows all")
    if launched() is not None:
        raise ValueError("reproduce starts processes itself; leave torchrun out, give --devices")
    try:
        listing = shared.given_listing(args, None)
        out = shared.call(reproduce, args, listing=listing, say=say)
    except KeyboardInterrupt:
        say("motionlens: stopped; the same command goes on from here")
        raise
    return show(out)


def say(line: str) -> None:
    """Show how far it is."""
    print(line, file=sys.stderr, flush=True)


def show(out: Path) -> int:
    """Print the page in a folder of results and what else is there; 1 if some runs failed."""
    results = json.loads((out / RESULTS_FILE).read_text(encoding="utf-8"))
    files = [out / RESULTS_FILE, out / PAGE_FILE, *sorted(out.glob("*.png"))]
    console = Output()
    console.print_markdown((out / PAGE_FILE).read_text(encoding="utf-8"))
    console.print(f"written: {', '.join(map(str, files))}", soft_wrap=True)
    return int(results["finished_runs"] < results["planned_runs"])


def _list(out: str | None) -> int:
    table = console_table(
        HEADINGS,
        list_experiments([DEFAULT_OUT, *([Path(out)] if out else [])]),
        title="Tables and figures of the poster",
        left=range(len(HEADINGS)),
    )
    console = Output()
    console.print(table)
    console.print("DATA is any data that 'motionlens train' takes; 'motionlens motion' draws some.")
    return 0
