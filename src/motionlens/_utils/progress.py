"""How far a command is, on standard error: the one progress bar."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from motionlens._utils.distributed import is_main
from motionlens._utils.numbers import duration, figure

# Between two lines where there is no terminal to draw a bar on.
_LINE_EVERY_S = 30.0


class Show(Protocol):
    """What :func:`progress` hands over, to be called with the numbers of those done and of all."""

    def __call__(self, done: int, total: int, stage: str = "") -> None:
        """``stage`` says in words where that is, such as an epoch."""


@contextmanager
def progress(what: str) -> Iterator[Show]:
    """A bar with the time left, from the first call on; without a terminal a line now and then.

    Args:
        what: is counted, such as ``videos``.
    """
    if not (sys.stderr.isatty() and is_main()):
        yield _lines(what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _TimeLeft(),
    )
    # Lines printed meanwhile go above the bar, but never from a redirected output to the terminal.
    both = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=both) as bar:
        # Not drawn before the total is known, while a model is loaded or a list is read.
        task = bar.add_task(what, total=None, visible=False)

        def show(done: int, total: int, stage: str = "") -> None:
            if bar.tasks[task].total is None:
                # What an earlier call has done does not count for the time left.
                bar.reset(task, total=total, completed=done, visible=True)
            description = f"{stage}, {what}" if stage else what
            bar.update(task, completed=done, description=description)

        yield show


class _TimeLeft(ProgressColumn):
    """The time left in words; empty while there is nothing to estimate it from."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        if task.finished or task.time_remaining is None:
            return Text("")
        return Text(f"{duration(task.time_remaining)} left")


def _lines(what: str) -> Show:
    first: tuple[int, float] | None = None
    last = 0.0

    def show(done: int, total: int, stage: str = "") -> None:
        nonlocal first, last
        now = time.monotonic()
        if first is None:
            first, last = (done, now), now
        if now - last >= _LINE_EVERY_S and is_main():
            last = now
            rate = (done - first[0]) / (now - first[1])
            left = f", {duration((total - done) / rate)} left" if rate and done < total else ""
            where = f"{stage}: " if stage else ""
            speed = f"{rate:,.1f}" if rate >= 1 else figure(rate)
            line = f"{where}{done:,}/{total:,} {what}, {speed}/s{left}"
            print(line, file=sys.stderr, flush=True)

    return show
