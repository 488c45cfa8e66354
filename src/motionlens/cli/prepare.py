"""Check a copy of a data set and write an index of its usable videos; nothing of it is changed."""

import argparse
import sys

from motionlens._utils.addresses import as_path
from motionlens._utils.errors import printable
from motionlens._utils.numbers import counted
from motionlens._utils.progress import progress
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.datasets.catalog.names import CATALOG, catalog_table
from motionlens.datasets.packing import Packing, check_out, pack
from motionlens.datasets.prepare import prepare
from motionlens.datasets.prepare_report import PrepareReport

# All options of the data sets, by their names in Python.
_OPTIONS = {name: option for spec in CATALOG.values() for name, option in spec.options.items()}
# What all commands call them.
_LISTING = {
    "video_root": "listing.root",
    "separator": "listing.separator",
    "pattern": "listing.pattern",
    "columns": "listing.columns",
    "group": "listing.group",
    "background": "listing.background",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "name", nargs="?", help=f"data set of the catalogue: {', '.join(CATALOG)}; see --list"
    )
    parser.add_argument("root", nargs="?", help="where the copy lies, with its official files")
    shared.add_options(parser, prepare, "out")
    shared.add_options(parser, prepare)
    parser.add_argument("--list", action="store_true", help="show the catalogue and end")
    for name, option in _OPTIONS.items():
        takers = ", ".join(spec.name for spec in CATALOG.values() if name in spec.options)
        parser.add_argument(
            f"--{_LISTING.get(name, name)}",
            dest=name,
            type=option.kind,
            help=f"{option.help} ({takers})",
        )
    parser.add_argument(
        "--shards", metavar="PATH", help="folder to pack the usable videos into, as well"
    )
    shared.add_options(parser, Packing)


def run(args: argparse.Namespace) -> int:
    """Prepare; return 0 if every listed video is usable, 1 if some had to be left out."""
    if args.list:
        _print_catalog()
        return 0
    shared.refuse_addresses("prepare", [word for word in (args.name, args.root) if word])
    if args.name is None or args.root is None:
        hint = "--list shows names"
        if args.name is not None and args.name not in CATALOG and as_path(args.name).exists():
            kind = "folder" if as_path(args.name).is_dir() else "list"
            hint = f"for your own videos: motionlens prepare {kind} {args.name}"
        raise ValueError(f"name and root must be given: motionlens prepare NAME ROOT; {hint}")
    packing = shared.call(Packing, args)  # checked before hours of work
    if args.shards is not None:
        check_out(args.shards)
    # An option that was not given is None, which stands for the data set's own default.
    options = {name: getattr(args, name) for name in _OPTIONS}
    with progress("videos checked") as show:
        report = shared.call(prepare, args, spec=args.name, on_progress=show, **options)
    _print_report(report)
    is_whole = not report.num_left_out
    if args.shards is not None:
        is_whole = _pack(args, report.out, packing) and is_whole
    more = "" if args.background is None else f" --listing.background {args.background}"
    print(f"next: motionlens train --data {args.shards or report.out}{more} --out RUN")
    return 0 if is_whole else 1


def _pack(args: argparse.Namespace, prepared: str, packing: Packing) -> bool:
    """Pack the usable videos; whether all of them could be."""
    with progress("videos packed") as show:
        packed = shared.call(
            pack, args, source=prepared, out=args.shards, packing=packing, on_progress=show
        )
    videos = counted(sum(packed.num_videos.values()), "video")
    print(f"{videos}, {packed.num_bytes / 1e6:,.0f} MB packed")
    for path, reason in packed.broken:
        print(f"motionlens: error: {printable(path)}: {reason}", file=sys.stderr)
    return not packed.broken


def _print_catalog() -> None:
    headings, rows = catalog_table()
    rows = [
        [*row, spec.layout.replace("; ", "\n")]
        for row, spec in zip(rows, CATALOG.values(), strict=True)
    ]
    table = console_table([*headings, "ROOT holds"], rows, left=range(len(headings) + 1))
    table.show_lines = True
    Output().print(table)


def _print_report(report: PrepareReport) -> None:
    output = Output()
    output.print(console_table(report.headings(), report.rows(), title=report.title))
    for remark in report.remarks():
        output.print(remark)
    if report.num_left_out:
        output.print(
            f"Left out: {report.num_left_out:,}. missing.csv and unreadable.csv say which and why."
        )
    output.print(f"report.md and all lists are in {report.out}")
