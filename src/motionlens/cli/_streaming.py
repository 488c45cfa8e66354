"""What `watch` and `predict --stream` share: the options of a stream, and how signals end it."""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from motionlens._utils.errors import printable
from motionlens._utils.numbers import counted
from motionlens.cli import _arguments as shared
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.events import EventDetector, EventRules
from motionlens.inference.streaming.watch import watch
from motionlens.inference.streaming.windows import WindowStream
from motionlens.video.source import Source


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of windows, events and outputs."""
    add_event_options(parser)
    shared.add_options(
        parser,
        WindowStream,
        *("start_s", "end_s"),
        start_s={"option": "start"},
        end_s={"option": "end"},
    )
    shared.add_options(parser, watch, "windows", "srt", "timeline")


def add_event_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of windows and events."""
    shared.add_options(parser, WindowStream, "hop", "window_s")
    shared.add_options(parser, EventRules, background={"metavar": "LABEL"})


def given_rules(args: argparse.Namespace) -> EventRules:
    """The rules of events as the options say."""
    return shared.call(EventRules, args, background=tuple(args.background))


def watch_source(recognizer: Recognizer, source: Source, args: argparse.Namespace) -> int:
    """Watch one source as the options say, and print what comes.

    Returns:
        Number of the signal that ended it, 0 if none did.

    Raises:
        ValueError: As :func:`motionlens.inference.streaming.watch.watch`.
    """
    times = {"start_s": args.start, "end_s": args.end}
    stream = shared.call(WindowStream, args, runner=recognizer, source=source, **times)
    detector = EventDetector.of_card(recognizer.card, given_rules(args))
    with _stopping_on_signals(stream) as seen:
        num_events = shared.call(
            watch,
            args,
            stream=stream,
            detector=detector,
            write_line=partial(print, flush=True),
            labelling=recognizer.card.labelling,
        )
    _print_summary(stream, num_events)
    return seen[0] if seen else 0


@contextmanager
def _stopping_on_signals(stream: WindowStream) -> Iterator[list[int]]:
    """Within, the first Ctrl-C or SIGTERM stops the stream after the window in progress.

    Yields:
        A list to which the signal's number is added; a second signal has its usual effect.
    """
    seen: list[int] = []
    before: dict[int, Any] = {}

    def stop(number: int, frame: object) -> None:
        seen.append(number)
        stream.stop()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, stop)
    try:
        yield seen
    finally:
        restore()


def _print_summary(stream: WindowStream, num_events: int) -> None:
    """Print one line about the whole stream on standard error."""
    line = (
        f"{stream.name}: {counted(stream.num_windows, 'window')}, {counted(num_events, 'event')} "
        f"in {stream.feed.end_s:.1f} s"
    )
    if stream.feed.dropped:
        line += (
            f"; {stream.feed.dropped} of {counted(stream.feed.seen, 'frame')} dropped because "
            "the network was too slow: raise --hop or take a smaller one"
        )
    print(f"motionlens: {printable(line)}", file=sys.stderr, flush=True)
