"""Follow a stream: a line per event as soon as it is over, subtitles and a timeline at the end."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from motionlens._utils.checks import check_at_least
from motionlens._utils.errors import json_line
from motionlens._utils.files import check_writable, write_atomically
from motionlens._utils.numbers import percent
from motionlens.inference.streaming.events import EventDetector
from motionlens.inference.streaming.windows import WindowStream
from motionlens.report.event import Event, Window
from motionlens.report.plots.probability_trace import ProbabilityTrace
from motionlens.report.prediction import Labelling


def watch(
    stream: WindowStream,
    detector: EventDetector,
    write_line: Callable[[str], object],
    *,
    windows: bool = False,
    top: int = 3,
    srt: str | os.PathLike[str] | None = None,
    timeline: str | os.PathLike[str] | None = None,
    labelling: Labelling | None = None,
) -> int:
    """Find the events of a stream and write them down.

    Memory is constant, unless ``srt`` or ``timeline`` is given, for which all events are kept.

    Args:
        stream: see :meth:`motionlens.Recognizer.stream`.
        detector: makes events of its windows.
        write_line: called with each event as a line of JSON.
        windows: write a line for every window, too.
        top: labels on the line of a window.
        srt: file for the events as subtitles, written at the end.
        timeline: picture of the events over time: .png, .svg or .pdf, drawn at the end.
        labelling: how probabilities become labels on the line of a window, as in
            `predict --json`; by default the most probable one is the answer.

    Returns:
        The number of events.

    Raises:
        ValueError: If ``top`` is below 1 or a file cannot be written; a
            :class:`~motionlens.video.frames.VideoError` if the source cannot be read, after the
            events so far are written.
        OSError: If writing a file fails.
    """
    check_at_least(1, top=top)
    labelling = labelling or Labelling(detector.class_names)
    _check_files(stream.name, srt, timeline)
    trace = ProbabilityTrace(len(detector.class_names)) if timeline else None
    events: list[Event] = []
    num_events = 0

    def take(found: Sequence[Event]) -> None:
        nonlocal num_events
        for event in found:
            write_line(event_line(stream.name, event))
        num_events += len(found)
        if srt or timeline:
            events.extend(found)

    broken: ValueError | None = None
    try:
        for window in stream:
            if windows:
                write_line(window_line(stream.name, window, labelling, top))
            if trace:
                trace.add_window(window)
            take(detector.take(window))
    except ValueError as error:
        broken = error
    take(detector.finish())
    if srt and (num_events or not broken):
        Path(srt).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(Path(srt), as_srt(events).encode())
    if timeline and (num_events or not broken):
        from motionlens.report.plots.timeline import draw_timeline

        Path(timeline).parent.mkdir(parents=True, exist_ok=True)
        draw_timeline(
            events,
            timeline,
            class_names=detector.class_names,
            start_s=stream.start_s or 0.0,
            end_s=stream.feed.end_s,
            title=Path(stream.name).name or stream.name,
            trace=trace,
        )
    if broken:
        raise broken
    return num_events


def _check_files(
    source: str, srt: str | os.PathLike[str] | None, timeline: str | os.PathLike[str] | None
) -> None:
    """Make sure that both files can be written and that neither replaces the source."""
    for name, path in (("srt", srt), ("timeline", timeline)):
        if not path:
            continue
        if Path(path).resolve() == Path(source).resolve():
            raise ValueError(f"{name} must be another file than the video, got {path}")
        if Path(path).is_dir():
            raise ValueError(f"{name} must be a file, {path} is a folder")
        check_writable(Path(path).parent, name)
    if srt and timeline and Path(srt).resolve() == Path(timeline).resolve():
        raise ValueError(f"srt and timeline must be two files, got {srt} for both")
    if timeline:
        # Loads matplotlib, which nothing but a timeline needs.
        from motionlens.report.plots.style import check_picture_name

        check_picture_name(timeline, "timeline")


def event_line(path: str, event: Event) -> str:
    """An event as one line of JSON.

    Example:
        >>> event_line("a.mp4", Event(label="wave", start_s=1.0, end_s=2.25, confidence=0.9))
        '{"type": "event", "path": "a.mp4", "label": "wave", "start_s": 1.0, "end_s": 2.25, \
"confidence": 0.9}'
    """
    line = {"type": "event", "path": path, "label": event.label, **_times(event)}
    return json_line(line | {"confidence": round(event.confidence, 6)})


def window_line(path: str, window: Window, labelling: Labelling, top: int) -> str:
    """A window and its most probable labels, best first, as one line of JSON."""
    found = labelling.best(path, window.probabilities, top).to_dict(digits=6)
    line = {"type": "window", "path": path, **_times(window)}
    return json_line(line | {"predictions": found["predictions"]})


def _times(found: Event | Window) -> dict[str, float]:
    return {"start_s": round(found.start_s, 3), "end_s": round(found.end_s, 3)}


def as_srt(events: Iterable[Event]) -> str:
    """SubRip subtitles: one cue per event, by their beginnings.

    Example:
        >>> print(as_srt([Event(label="wave", start_s=1, end_s=3661.5, confidence=0.912)]))
        1
        00:00:01,000 --> 01:01:01,500
        wave (91 %)
        <BLANKLINE>
    """
    cues = []
    for number, event in enumerate(sorted(events, key=lambda e: (e.start_s, e.label)), 1):
        # An arrow or a line break in a label would end the cue.
        label = " ".join(event.label.replace("-->", "->").split())
        cues.append(
            f"{number}\n{_clock(event.start_s)} --> {_clock(event.end_s)}\n"
            f"{label} ({percent(event.confidence, 0)})\n"
        )
    return "\n".join(cues)


def _clock(time_s: float) -> str:
    milliseconds = round(1000 * time_s)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{milliseconds:03}"
