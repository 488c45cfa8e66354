"""Reproduce a table or figure of the poster: train, evaluate, and put it beside the poster's.

Runs are kept: the same command goes on where an interrupted one was, and adds seeds and models.
"""

import json
import sys
from pathlib import Path
from typing import Any

from motionlens.cli._arguments import add_device, add_listing, given_listing

_OPTIONS = (
    *("data", "validation", "budget", "models", "seeds", "canvas", "recipe", "init", "epochs"),
    *("devices", "jobs", "device", "out"),
)


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument("name", nargs="?", help="of the table or figure; --list shows all")
    parser.add_argument(
        "--list", action="store_true", help="every table and figure, its command and its status"
    )
    parser.add_argument(
        "--data", help="as for 'motionlens train': class folders, a list, a prepared set"
    )
    parser.add_argument("--validation", help="its validation part, if data does not hold one")
    add_listing(parser)
    parser.add_argument(
        "--budget",
        choices=["small", "medium", "full"],
        default="small",
        help="small: networks of a quarter of the width, 64-pixel clips, 20 epochs; medium: "
        "ResNet-18, 112 pixels, 40 epochs; full: the authors' recipe",
    )
    parser.add_argument(
        "--models", nargs="+", default=[], help="those of the experiment; all if left out"
    )
    parser.add_argument("--seeds", type=int, help="runs of each network, instead of 3")
    parser.add_argument("--canvas", choices=["box", "wide"], help="of the toy; both if left out")
    parser.add_argument("--recipe", help="recipe file whose fields replace those of the budget")
    parser.add_argument(
        "--init", help="weights that every run starts from, as for 'motionlens train'"
    )
    parser.add_argument("--epochs", type=int, help="instead of the budget's")
    parser.add_argument("--devices", type=int, default=1, help="processes that train together")
    parser.add_argument(
        "--jobs",
        type=int,
        help="toy networks that are trained at the same time, each on one core; by default one for "
        "each core, at most 8",
    )
    parser.add_argument(
        "--out",
        help="folder of runs, results.json, results.md and picture; by default "
        "runs/reproduce/NAME_BUDGET",
    )
    add_device(parser)


def run(args: Any) -> int:
    """Carry out the experiment, or list all; 1 if some runs failed."""
    if args.list:
        return _list(args.out)
    if args.name is None:
        raise ValueError("name must be given; 'motionlens reproduce --list' shows all")
    from motionlens._utils.launch import launched
    from motionlens.reproduce.experiments import reproduce

    if launched() is not None:
        raise ValueError("reproduce starts processes itself; leave torchrun out, give --devices")
    options = {name: getattr(args, name) for name in _OPTIONS}
    try:
        out = reproduce(args.name, listing=given_listing(args, None), say=say, **options)
    except KeyboardInterrupt:
        say("motionlens: stopped; the same command goes on from here")
        raise
    return show(out)


def say(line: str) -> None:
    """Show how far it is."""
    print(line, file=sys.stderr, flush=True)


def show(out: Path) -> int:
    """Print the page in a folder of results and what else is there; 1 if some runs failed."""
    from motionlens._utils.tables import Output
    from motionlens.reproduce.results import PAGE_FILE, RESULTS_FILE

    results = json.loads((out / RESULTS_FILE).read_text(encoding="utf-8"))
    files = [out / RESULTS_FILE, out / PAGE_FILE, *sorted(out.glob("*.png"))]
    console = Output()
    console.print((out / PAGE_FILE).read_text(encoding="utf-8"), soft_wrap=True)
    console.print(f"written: {', '.join(map(str, files))}", soft_wrap=True)
    return int(results["finished_runs"] < results["planned_runs"])


def _list(out: str | None) -> int:
    from motionlens._utils.tables import Output, console_table
    from motionlens.reproduce.experiments import DEFAULT_OUT
    from motionlens.reproduce.listing import HEADINGS, STORED, list_experiments

    folders = [STORED, STORED / "reproduce", DEFAULT_OUT, *([Path(out)] if out else [])]
    table = console_table(
        HEADINGS,
        list_experiments(folders),
        title="Tables and figures of the poster",
        left=range(len(HEADINGS)),
    )
    console = Output()
    console.print(table)
    console.print("DATA is any data that 'motionlens train' takes; 'motionlens motion' draws some.")
    return 0
