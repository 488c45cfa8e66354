"""Reproduce a table or figure of the poster: train, evaluate, and put it beside the poster's.

Runs are kept: the same command goes on where an interrupted one was, and adds seeds and models.
"""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens._utils.cores import usable_cores
from motionlens.cli._arguments import add_device, add_listing, given_listing, output

if TYPE_CHECKING:
    from motionlens.reproduce.experiment import Experiment
    from motionlens.reproduce.outcomes import Outcome
    from motionlens.reproduce.request import Request

BUDGETS = ("small", "medium", "full")
# These train small networks, unless there is data.
TOYS = ("toy", "visualise", "offset-scale")
# Each may take 2 GB of memory.
MOST_JOBS = 8
OPTIONS = ("data", "validation", "budget", "seeds", "canvas", "recipe", "init", "epochs", "devices")


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
        choices=list(BUDGETS),
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
        f"each core, at most {MOST_JOBS}",
    )
    parser.add_argument(
        "--out", help="folder of runs, results.json, results.md and picture; by default "
        "runs/reproduce/NAME_BUDGET"
    )  # fmt: skip
    add_device(parser)


def run(args: Any) -> int:
    """Perform the experiment, or list all; 1 if some runs failed."""
    if args.list:
        return _list(args)
    if args.name is None:
        raise ValueError("name must be given; 'motionlens reproduce --list' shows all")
    for name in ("seeds", "epochs", "devices", "jobs"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    from motionlens._utils.launch import launched
    from motionlens.reproduce.registry import find_experiment

    experiment = find_experiment(args.name)
    if launched() is not None:
        raise ValueError("reproduce starts processes itself; leave torchrun out, give --devices")
    if experiment.needs == "data" and args.data is None:
        raise ValueError(
            f"{args.name} needs videos, got no --data; 'motionlens motion' draws some, 'motionlens prepare' "
            "reads a copy of Jester, Something-Something, Kinetics and others"
        )
    if experiment.needs == "nothing" and args.data is not None:
        raise ValueError(f"{args.name} makes its own data; leave --data out")
    if args.data is None:
        _check_own_data(args)
    if args.jobs is not None and (args.data is not None or args.name not in TOYS):
        raise ValueError(
            f"jobs is of the toy's networks, which {', '.join(TOYS)} train without --data; leave "
            "--jobs out"
        )
    with ExitStack() as held:
        outcome = _perform(experiment, _request(args, held), args)
    return 1 if outcome.failed else 0


def _check_own_data(args: Any) -> None:
    """Refuse what is said of the training on data, where there is none."""
    defaults = {"validation": None, "recipe": None, "init": None, "epochs": None, "devices": 1}
    for name, default in defaults.items():
        if getattr(args, name) != default:
            raise ValueError(
                f"{name} is of networks that train on data, and {args.name} without --data has "
                f"none; leave --{name} out"
            )


def _request(args: Any, held: ExitStack) -> Request:
    from motionlens.datasets.source import ListingConfig
    from motionlens.reproduce.budgets import BUDGETS as KNOWN
    from motionlens.reproduce.budgets import Source
    from motionlens.reproduce.listing import DEFAULT_OUT
    from motionlens.reproduce.request import Request

    budget = KNOWN[args.budget]
    source = None
    if args.data is not None:
        source = Source(
            data=args.data,
            validation=args.validation,
            listing=given_listing(args, None) or ListingConfig(),
            recipe=args.recipe,
            init=args.init,
            epochs=args.epochs,
            device=args.device,
            devices=args.devices,
        )
    return Request(
        out=Path(args.out) if args.out else DEFAULT_OUT / f"{args.name}_{args.budget}",
        budget=budget,
        source=source,
        models=args.models,
        num_seeds=args.seeds or budget.seeds,
        canvas=args.canvas,
        device=args.device,
        jobs=args.jobs or min(usable_cores(), MOST_JOBS),
        say=lambda line: print(line, file=sys.stderr, flush=True),
        held=held,
    )


def _perform(experiment: Experiment, request: Request, args: Any) -> Outcome:
    from motionlens._utils.devices import resolve_device
    from motionlens._utils.machine import machine, versions
    from motionlens.reproduce.results import TABLE_FILE, write_results

    about = {
        "command": _command(args),
        "budget": args.budget,
        "num_seeds": 1 if experiment.one_seed else request.num_seeds,
        "versions": versions(),
        "machine": machine(resolve_device(args.device)),
    }
    try:
        outcome = experiment.perform(
            request, lambda found: _keep(write_results(request.out, experiment, found, about))
        )
    except KeyboardInterrupt:
        print("motionlens: stopped; the same command goes on from here", file=sys.stderr)
        raise
    written = write_results(request.out, experiment, outcome, about)
    console = output()
    text = (request.out / TABLE_FILE).read_text(encoding="utf-8")
    console.print(text, soft_wrap=True)
    written += sorted(request.out.glob("proposals*.png"))
    console.print(f"written: {', '.join(map(str, written))}", soft_wrap=True)
    return outcome


def _keep(_: list[Path]) -> None:
    """What is written after each run is on disk; nothing more is to be done."""


def _list(args: Any) -> int:
    from rich.table import Table

    from motionlens.reproduce.listing import DEFAULT_OUT, STORED, entries

    folders = [STORED, STORED / "reproduce", DEFAULT_OUT]
    if args.out:
        folders.append(Path(args.out))
    table = Table(title="Tables and figures of the poster", title_justify="left")
    for head in ("table or figure", "command", "status", "result"):
        table.add_column(head, overflow="fold")
    for entry in entries(folders):
        table.add_row(*entry)
    console = output()
    console.print(table)
    console.print("DATA is any data that 'motionlens train' takes; 'motionlens motion' draws some.")
    return 0


def _command(args: Any) -> str:
    words = ["motionlens", "reproduce", args.name]
    for name in OPTIONS:
        value = getattr(args, name)
        if value is not None and not (name == "devices" and value == 1):
            words += [f"--{name}", str(value)]
    for name, value in vars(args.listing).items():
        if value is not None:
            words += [f"--listing.{name}", str(value)]
    if args.models:
        words += ["--models", *args.models]
    return shlex.join(words)
