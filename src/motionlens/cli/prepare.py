"""Check a copy of a data set and write an index of its usable videos; nothing of it is changed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from motionlens._utils.cores import usable_cores
from motionlens.cli._arguments import add_listing, output

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, Task

    from motionlens.datasets.prepare_report import PrepareReport

# Between two lines of progress where there is no terminal to draw a bar on.
_LINE_EVERY_S = 30.0
_DATASET_OPTIONS = ("split", "fps", "validation_fraction", "split_seed")


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
        "--num_workers", type=int, help="processes that check and pack; by default one a CPU core"
    )
    parser.add_argument(
        "--min_frames", type=int, default=2, help="videos with fewer frames are left out"
    )
    parser.add_argument("--list", action="store_true", help="show the catalogue and end")
    parser.add_argument("--split", type=int, help="official split 1, 2 or 3 of ucf101 and hmdb51")
    parser.add_argument("--fps", type=float, help="of frame folders, for folder and list")
    parser.add_argument(
        "--validation_fraction", type=float, help="that is drawn where folder or list has no parts"
    )
    parser.add_argument("--split_seed", type=int, help="decides which part that is")
    add_listing(parser)
    parser.add_argument("--shards", help="pack the usable videos as well, into this folder")
    parser.add_argument(
        "--short_side", type=int, help="of packed frames, pixels; by default the data set's own"
    )
    parser.add_argument("--quality", type=int, default=90, help="of packed JPEGs, 1 to 95")
    parser.add_argument("--shard_videos", type=int, default=500, help="videos of a packed file")


def run(args: Any) -> int:
    """Prepare; return 0 if every listed video is usable, 1 if some had to be left out."""
    from motionlens.datasets.catalog import find_spec
    from motionlens.datasets.prepare import default_out, prepare

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
        from motionlens.datasets.packing import check_out

        check_out(args.shards)
    with _progress("videos checked") as show:
        report = prepare(
            spec,
            args.root,
            out,
            check=args.check,
            num_workers=num_workers,
            min_frames=args.min_frames,
            on_progress=show,
            **_options(args),
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
    from motionlens.datasets.packing import Packing, pack

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


def _options(args: Any) -> dict[str, Any]:
    """What the data set is told; options that were not given are None, which stands for nothing."""
    options = {name: getattr(args, name) for name in _DATASET_OPTIONS}
    listing = args.listing
    return {
        **options,
        "video_root": listing.root,
        "separator": listing.separator,
        "pattern": listing.pattern,
    }


def _print_catalog() -> None:
    from rich.table import Table

    from motionlens.datasets.catalog import CATALOG

    table = Table()
    for heading in ("name", "data set", "classes", "videos", "ROOT holds"):
        table.add_column(heading, overflow="fold")
    for spec in CATALOG.values():
        videos = " / ".join(f"{number:,}" for number in spec.num_videos.values())
        classes = "" if spec.num_classes is None else str(spec.num_classes)
        table.add_row(spec.name, spec.title, classes, videos, spec.layout.replace("; ", "\n"))
        table.add_section()
    output().print(table)


def _print_report(report: PrepareReport) -> None:
    from rich.table import Table

    table = Table(title=report.title)
    for place, heading in enumerate(report.headings()):
        table.add_column(heading, justify="right" if place else "left")
    for row in report.rows():
        table.add_row(*row)
    console = output()
    console.print(table)
    for remark in report.remarks():
        console.print(remark)
    if report.num_left_out:
        console.print(
            f"Left out: {report.num_left_out:,}. missing.csv and unreadable.csv say which and why."
        )
    console.print(f"report.md and all lists are in {report.out}")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with rate and time left; without a terminal a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    with _bar(what) as bar:
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


def _bar(what: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _rate_column(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
    )


def _rate_column() -> ProgressColumn:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.1f}/s")

    return Rate()


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
