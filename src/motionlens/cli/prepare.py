"""Check a copy of a data set and write an index of its usable videos; nothing of it is changed."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from motionlens._utils.cores import usable_cores
from motionlens._utils.tables import Output, console_table
from motionlens.cli._arguments import add_listing
from motionlens.datasets.catalog.names import CATALOG, catalog_table, find_spec
from motionlens.datasets.packing import Packing, check_out, pack
from motionlens.datasets.prepare import default_out, prepare
from motionlens.datasets.prepare_report import PrepareReport

# Between two lines of progress where there is no terminal to draw a bar on.
_LINE_EVERY_S = 30.0
# What data sets call the options that all commands call --listing.*.
_LISTING = {
    "video_root": "listing.root",
    "separator": "listing.separator",
    "pattern": "listing.pattern",
}


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument("name", nargs="?", help="data set of the catalogue; --list shows all")
    parser.add_argument("root", nargs="?", help="where the copy lies, with its official files")
    parser.add_argument("--out", help="folder for the index; by default ROOT/prepared")
    parser.add_argument(
        "--check",
        choices=["open", "decode", "none"],
        default="open",
        help="open every video and count its frames, decode all of them, or only see what is there",
    )
    parser.add_argument(
        "--num_workers", type=int, help="processes that check and pack; by default one per CPU core"
    )
    parser.add_argument(
        "--min_frames", type=int, default=2, help="videos with fewer frames are left out"
    )
    parser.add_argument("--list", action="store_true", help="show the catalogue and end")
    options = {name: option for spec in CATALOG.values() for name, option in spec.options.items()}
    for name, option in options.items():
        if name not in _LISTING:
            takers = ", ".join(spec.name for spec in CATALOG.values() if name in spec.options)
            parser.add_argument(f"--{name}", type=option.kind, help=f"{option.help} ({takers})")
    add_listing(parser)
    parser.add_argument("--shards", help="pack the usable videos as well, into this folder")
    parser.add_argument(
        "--short_side", type=int, help="of packed frames, pixels; by default the data set's own"
    )
    parser.add_argument("--quality", type=int, default=90, help="of packed JPEGs, 1 to 95")
    parser.add_argument("--shard_videos", type=int, default=500, help="videos of a packed file")


def run(args: Any) -> int:
    """Prepare; return 0 if every listed video is usable, 1 if some had to be left out."""
    if args.list:
        _print_catalog()
        return 0
    if args.name is None or args.root is None:
        raise ValueError(
            "name and root must be given: motionlens prepare NAME ROOT; --list shows names"
        )
    spec = find_spec(args.name)
    num_workers = usable_cores() if args.num_workers is None else args.num_workers
    out = default_out(args.root) if args.out is None else args.out
    if args.shards is not None:
        check_out(args.shards)
    # An option that was not given is None, which stands for the data set's own default.
    options = {
        name: getattr(args, _LISTING.get(name, name))
        for each in CATALOG.values()
        for name in each.options
    }
    with _progress("videos checked") as show:
        report = prepare(
            spec,
            args.root,
            out,
            check=args.check,
            num_workers=num_workers,
            min_frames=args.min_frames,
            on_progress=show,
            **options,
        )
    _print_report(report)
    is_whole = not report.num_left_out
    trained_on = out
    if args.shards is not None:
        trained_on = args.shards
        is_whole = _pack(args, spec.short_side, out, num_workers) and is_whole
    print(f"next: motionlens train --data {trained_on} --out RUN")
    return 0 if is_whole else 1


def _pack(args: Any, short_side: int, prepared: str | os.PathLike[str], num_workers: int) -> bool:
    """Pack the usable videos; whether all of them could be."""
    packing = Packing(
        short_side=short_side if args.short_side is None else args.short_side,
        quality=args.quality,
        shard_videos=args.shard_videos,
    )
    with _progress("videos packed") as show:
        packed = pack(prepared, args.shards, packing, num_workers=num_workers, on_progress=show)
    print(f"{sum(packed.num_videos.values()):,} videos, {packed.num_bytes / 1e6:,.0f} MB packed")
    for path, reason in packed.broken:
        print(f"motionlens: error: {path}: {reason}", file=sys.stderr)
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


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with rate and time left; without a terminal a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        is_first = True

        def show(done: int, total: int) -> None:
            nonlocal is_first
            if is_first:
                # What was done in an earlier call is not to count for the rate.
                bar.reset(task, total=total, completed=done)
                is_first = False
            bar.update(task, completed=done)

        yield show


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Videos per second."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s")


def _lines(what: str) -> Callable[[int, int], None]:
    first_done, started = 0, 0.0
    last: float | None = None

    def show(done: int, total: int) -> None:
        nonlocal first_done, started, last
        now = time.monotonic()
        if last is None:
            first_done, started, last = done, now, now
        if now - last >= _LINE_EVERY_S:
            last = now
            rate = (done - first_done) / (now - started)
            left = f", {(total - done) / rate / 60:.0f} min left" if rate else ""
            print(f"{done:,}/{total:,} {what}, {rate:,.1f}/s{left}", file=sys.stderr, flush=True)

    return show
