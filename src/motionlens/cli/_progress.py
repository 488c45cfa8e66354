"""How far a command is, on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from motionlens._utils.distributed import is_main

# Between two lines where there is no terminal to draw a bar on.
_LINE_EVERY_S = 30.0


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left; without a terminal a line every half minute.

    Yields:
        The function to be called with the numbers of those that are done and of all.
    """
    if not (sys.stderr.isatty() and is_main()):
        yield _lines(what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            if bar.tasks[task].total is None:
                # What an earlier call has done does not count for the time left.
                bar.reset(task, total=total, completed=done)
            bar.update(task, completed=done)

        yield show


def _lines(what: str) -> Callable[[int, int], None]:
    first: tuple[int, float] | None = None
    last = 0.0

    def show(done: int, total: int) -> None:
        nonlocal first, last
        now = time.monotonic()
        if first is None:
            first, last = (done, now), now
        if now - last >= _LINE_EVERY_S and is_main():
            last = now
            rate = (done - first[0]) / (now - first[1])
            left = f", {(total - done) / rate / 60:.0f} min left" if rate else ""
            print(f"{done:,}/{total:,} {what}, {rate:,.1f}/s{left}", file=sys.stderr, flush=True)

    return show
