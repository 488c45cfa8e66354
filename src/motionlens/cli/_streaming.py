"""What `watch` and `predict --stream` share: the options of a stream, and how signals end it."""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, get_args

from motionlens.cli import _arguments as shared
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.events import EventDetector, EventRules, Smoothing
from motionlens.inference.streaming.watch import watch
from motionlens.inference.streaming.windows import WindowStream
from motionlens.video.source import Source

_OPTIONS = (
    *("hop", "window_s", "start", "end"),
    *("on", "off", "smoothing", "smoothing_s", "min_duration_s", "merge_gap_s", "background"),
    *("windows", "srt", "timeline"),
)


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of windows, events and outputs."""
    add = parser.add_argument
    add("--hop", type=int, help="clip frames from one window to the next; a quarter of a clip")
    add("--window_s", type=float, help="length of a window in seconds, instead of the run's stride")
    add("--start", type=float, help="start at this second of the source")
    add("--end", type=float, help="end at this second of the source")
    add("--on", type=float, help="smoothed probability at which an event begins")
    add("--off", type=float, help="smoothed probability below which it ends")
    add("--smoothing", choices=get_args(Smoothing), help="of probabilities over time")
    add("--smoothing_s", type=float, help="seconds that smoothing reaches back")
    add("--min_duration_s", type=float, help="leave out shorter events")
    add("--merge_gap_s", type=float, help="join events of one label with at most this gap")
    add("--background", nargs="+", metavar="LABEL", help="labels that make no events")
    add("--windows", action="store_true", help="print a line for every window, too")
    add("--srt", metavar="FILE", help="write the events as subtitles, at the end")
    add("--timeline", metavar="FILE", help="draw the events over time: .png, .svg or .pdf")
    shared.use_defaults(parser, EventRules)


def given_stream_options(args: argparse.Namespace) -> list[str]:
    """Names of those options that were given."""
    rules = EventRules()
    return [name for name in _OPTIONS if getattr(args, name) not in (None, False)
            and getattr(args, name) != getattr(rules, name, None)]  # fmt: skip


def watch_source(
    recognizer: Recognizer, source: Source, args: argparse.Namespace, **options: Any
) -> int:
    """Watch one source as the options say, and print what comes.

    Returns:
        Number of the signal that ended it, 0 if none did.

    Raises:
        ValueError: As :func:`motionlens.inference.streaming.watch.watch`.
    """
    stream = recognizer.stream(
        source,
        hop=args.hop,
        window_s=args.window_s,
        start_s=args.start,
        end_s=args.end,
        batch_size=args.batch_size,
        **options,
    )
    rules = shared.call(EventRules, args, background=tuple(args.background))
    detector = EventDetector(recognizer.class_names, rules)
    with _stopping_on_signals(stream) as seen:
        num_events = shared.call(
            watch, args, stream=stream, detector=detector, write_line=partial(print, flush=True)
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
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: object) -> None:
        seen.append(number)
        stream.stop()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in before:
        signal.signal(number, stop)
    try:
        yield seen
    finally:
        restore()


def _print_summary(stream: WindowStream, num_events: int) -> None:
    """Print one line about the whole stream on standard error."""
    line = (
        f"{stream.name}: {_count(stream.num_windows, 'window')}, {_count(num_events, 'event')} "
        f"in {stream.end_s:.1f} s"
    )
    if stream.frames_dropped:
        line += (
            f"; {stream.frames_dropped} of {stream.frames_seen} frames dropped because the network "
            "was too slow: raise --hop or take a smaller one"
        )
    print(f"motionlens: {line}", file=sys.stderr, flush=True)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
