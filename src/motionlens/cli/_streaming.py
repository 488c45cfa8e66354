"""What the commands that follow a stream share: options, lines that they print, files."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motionlens.inference.recognizer import Recognizer
    from motionlens.inference.streaming.events import EventDetector
    from motionlens.inference.streaming.windows import Window, WindowStream
    from motionlens.report.event import Event
    from motionlens.report.plots.probability_trace import ProbabilityTrace
    from motionlens.video.source import Source

# Options by the names of what they set: of the stream, of the rules.
_STREAM = {"hop": "hop", "window_s": "window_s", "start": "start_s", "end": "end_s"}
_RULES = (
    "on", "off", "smoothing", "smoothing_s", "min_duration_s", "merge_gap_s", "background",
)  # fmt: skip
_OUTPUTS = ("windows", "srt", "timeline")


def add_stream_arguments(parser: Any) -> None:
    """Add the options of windows, events and outputs; none has a value unless it is given."""
    add = parser.add_argument
    add("--hop", type=int, help="clip frames from one window to the next; a quarter of a clip")
    add("--window_s", type=float, help="seconds of a window, instead of the run's frame stride")
    add("--start", type=float, help="from this second of the source on")
    add("--end", type=float, help="to this second of the source")
    add("--on", type=float, help="smoothed probability from which on an event begins; 0.6")
    add("--off", type=float, help="below which it ends; 0.4")
    add("--smoothing", choices=["exponential", "median", "none"], help="exponential by default")
    add("--smoothing_s", type=float, help="seconds that smoothing reaches back; 0.5")
    add("--min_duration_s", type=float, help="leave out shorter events")
    add("--merge_gap_s", type=float, help="events of one label as near as that become one")
    add("--background", nargs="+", metavar="LABEL", help="labels that make no events")
    add("--windows", action="store_true", help="print a line for every window, too")
    add("--srt", metavar="FILE", help="write the events as subtitles, at the end")
    add("--timeline", metavar="FILE", help="draw them over time: .png, .svg or .pdf, at the end")


def given_stream_options(args: Any) -> list[str]:
    """Names of those options that were given."""
    names = (*_STREAM, *_RULES, *_OUTPUTS)
    return [name for name in names if getattr(args, name) not in (None, False)]


class Follower:
    """Follows streams as the options say: prints lines as they come, writes files at the end.

    Args:
        recognizer: of the windows.
        args: of the command.

    Raises:
        ValueError: If an option is out of range, or a file cannot be written.
    """

    def __init__(self, recognizer: Recognizer, args: Any) -> None:
        from motionlens.inference.streaming.events import EventRules

        given = {name: getattr(args, name) for name in _RULES if getattr(args, name) is not None}
        if "background" in given:
            given["background"] = tuple(given["background"])
        self._recognizer, self._args = recognizer, args
        self._rules = EventRules(**given)
        # Middle of the last window, and until when its probabilities were noted.
        self._last_s = self._traced_s = 0.0
        if args.top < 1:
            raise ValueError(f"top must be at least 1, got {args.top}")
        self._detector()
        self._check_outputs()

    def check_source(self, source: Source) -> None:
        """Refuse to write over what is read.

        Raises:
            ValueError: If an output is the source.
        """
        for name in ("srt", "timeline"):
            out = getattr(self._args, name)
            if out and isinstance(source, str) and Path(out).resolve() == Path(source).resolve():
                raise ValueError(f"{name} must be another file than the video, got {out}")

    def open(self, source: Source, **options: Any) -> WindowStream:
        """The stream of a source, by the options; nothing is read yet.

        Raises:
            ValueError: If an option is out of range.
        """
        args = self._args
        given = {key: getattr(args, name) for name, key in _STREAM.items()}
        return self._recognizer.stream(source, batch_size=args.batch_size, **given, **options)

    def follow(self, stream: WindowStream) -> int:
        """Print what comes, and write the files; returns the number of events.

        Raises:
            ValueError: If the source cannot be read: a ``VideoError``, after what was found.
            OSError: If a file cannot be written.
        """
        from motionlens.report.plots.probability_trace import ProbabilityTrace

        detector = self._detector()
        keeps = bool(self._args.srt or self._args.timeline)
        events: list[Event] = []
        number = 0

        def tell(found: Sequence[Event]) -> None:
            nonlocal number
            from motionlens.inference.streaming.text import event_line

            for event in found:
                print(event_line(stream.name, event), flush=True)
            number += len(found)
            if keeps:  # a stream without an end has events without an end
                events.extend(found)

        trace = ProbabilityTrace(len(self._recognizer.class_names)) if self._args.timeline else None
        try:
            for window in stream:
                self._note(stream.name, window, trace)
                tell(detector.take(window))
        except ValueError:
            tell(detector.finish())
            if number:
                self._write(stream, events, trace)
            raise
        tell(detector.finish())
        self._write(stream, events, trace)
        return number

    def _detector(self) -> EventDetector:
        from motionlens.inference.streaming.events import EventDetector

        return EventDetector(self._recognizer.class_names, self._rules)

    def _note(self, name: str, window: Window, trace: ProbabilityTrace | None) -> None:
        if self._args.windows:
            from motionlens.inference.streaming.text import window_line

            names = self._recognizer.class_names
            print(window_line(name, window, names, self._args.top), flush=True)
        if trace is not None:
            # Each window stands for what is around its middle, as for the events.
            middle_s = (window.start_s + window.end_s) / 2
            half_s = 0.0 if window.after_gap else (middle_s - self._last_s) / 2
            start_s = window.start_s if window.after_gap else self._traced_s
            self._traced_s = middle_s + half_s
            trace.add(start_s, self._traced_s, window.probabilities.numpy())
            self._last_s = middle_s

    def _check_outputs(self) -> None:
        from motionlens._utils.files import check_writable

        for name in ("srt", "timeline"):
            if path := getattr(self._args, name):
                if Path(path).is_dir():
                    raise ValueError(f"{name} must be a file, {path} is a folder")
                check_writable(Path(path).parent, name)
        srt, timeline = self._args.srt, self._args.timeline
        if srt and timeline and Path(srt).resolve() == Path(timeline).resolve():
            raise ValueError(f"srt and timeline must be two files, got {srt} for both")
        if self._args.timeline:
            from motionlens.report.plots.timeline import check_picture_name

            check_picture_name(self._args.timeline)

    def _write(
        self, stream: WindowStream, events: Sequence[Event], trace: ProbabilityTrace | None
    ) -> None:
        if self._args.srt:
            from motionlens._utils.files import write_atomically
            from motionlens.inference.streaming.text import as_srt

            path = Path(self._args.srt)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, as_srt(events).encode())
        if self._args.timeline:
            from motionlens.report.plots.timeline import draw_timeline

            Path(self._args.timeline).parent.mkdir(parents=True, exist_ok=True)
            draw_timeline(
                events,
                self._args.timeline,
                class_names=self._recognizer.class_names,
                start_s=self._args.start or 0.0,
                end_s=stream.end_s,
                title=Path(stream.name).name or stream.name,
                trace=trace,
            )


@contextmanager
def stopping_on_signals(stream: WindowStream) -> Iterator[list[int]]:
    """Within, the first Ctrl-C or request to end stops the stream instead of breaking it off.

    Yields:
        A list to which the signal's number is added; a second signal does what it always does.
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


def summary(stream: WindowStream, num_events: int) -> None:
    """One line on standard error on what a stream came to."""
    line = (
        f"{stream.name}: {_count(stream.num_windows, 'window')}, {_count(num_events, 'event')} "
        f"in {stream.end_s:.1f} s"
    )
    if stream.frames_dropped:
        line += (
            f"; {stream.frames_dropped} of {stream.frames_seen} frames dropped, for the network "
            "was too slow: raise --hop or take a smaller one"
        )
    print(f"motionlens: {line}", file=sys.stderr, flush=True)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
