"""Measure speed and memory side by side with the alternatives, on this machine.

Alternatives run in turns; a cell says milliseconds (median), how many times ours that is, and the
most memory that tensors took.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens.cli._arguments import DTYPES, add_device, add_dtype, output

if TYPE_CHECKING:
    from motionlens.bench.report import Result
    from motionlens.bench.suites import Case, Setting

SUITES = ("ops", "models", "data")
RESULTS_FILE, TABLES_FILE = "results.json", "tables.md"


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument("--suite", choices=[*SUITES, "all"], default="all", help="what is measured")
    add_dtype(parser)
    parser.add_argument("--batch_size", type=int, default=1, help="clips at once")
    parser.add_argument("--seconds", type=float, default=4.0, help="for the turns of one case")
    parser.add_argument("--compile", action="store_true", help="compiled alternatives too")
    parser.add_argument("--quick", action="store_true", help="the smallest case of each kind")
    parser.add_argument("--out", help="folder for results.json, tables.md and frames.png")
    add_device(parser)


def run(args: Any) -> int:
    """Measure, print the tables, write the results."""
    from motionlens._utils.files import check_writable

    for name in ("batch_size", "seconds"):
        if getattr(args, name) <= 0:
            raise ValueError(f"{name} must be above 0, got {getattr(args, name)}")
    if args.out is not None:
        check_writable(args.out)
        for name in (RESULTS_FILE, TABLES_FILE):
            if Path(args.out, name).is_dir():
                raise ValueError(f"out must have room for the file {name}, it is a folder there")
    import torch

    from motionlens._utils.devices import resolve_device
    from motionlens._utils.machine import machine
    from motionlens.bench.suites import Setting

    setting = Setting(
        device=resolve_device(args.device),
        dtype=getattr(torch, DTYPES[args.dtype]),
        batch_size=args.batch_size,
        compiled=args.compile,
        quick=args.quick,
    )
    names = SUITES if args.suite == "all" else (args.suite,)
    results = list(_measure(names, setting, args.seconds))
    about = machine(setting.device) | {"dtype": args.dtype, "batch_size": args.batch_size}
    _print(results, about)
    if args.out is not None:
        _write(Path(args.out), results, about)
    return 0


def _measure(names: tuple[str, ...], setting: Setting, seconds: float) -> Iterator[Result]:
    from motionlens.bench.report import Result
    from motionlens.bench.timing import compare

    for name in names:
        for case in _suite(name)(setting):
            print(f"{case.group}: {case.name}", file=sys.stderr, flush=True)
            measured = compare(
                case.runs,
                setting.device,
                seconds=seconds,
                least=1 if setting.quick else 3,
                memory=name != "data",
            )
            yield Result(name=case.name, group=case.group, units=case.units, measured=measured)


def _suite(name: str) -> Callable[[Setting], Iterator[Case]]:
    from motionlens.bench import loading, suites

    if name == "data":
        return loading.data_suite
    return suites.ops_suite if name == "ops" else suites.models_suite


def _print(results: list[Result], about: dict[str, Any]) -> None:
    from motionlens._utils.tables import console_table
    from motionlens.bench.report import tables

    console = output()
    for title, headings, rows in tables(results):
        console.print(console_table(headings, rows, title=title))
    console.print(", ".join(f"{key} {value}" for key, value in about.items() if value is not None))


def _write(out: Path, results: list[Result], about: dict[str, Any]) -> None:
    from motionlens.bench.report import costs_by_frames, markdown, save
    from motionlens.report.plots.lines import draw_scaling

    save(out / RESULTS_FILE, results, about)
    (out / TABLES_FILE).write_text(markdown(results), encoding="utf-8")
    written = [RESULTS_FILE, TABLES_FILE]
    costs = costs_by_frames(results)
    if any(len(points) > 1 for points in costs.values()):
        draw_scaling(costs, out / "frames.png", title="One module on 14x14 positions, 256 channels")
        written.append("frames.png")
    print(f"written: {', '.join(str(out / name) for name in written)}")
