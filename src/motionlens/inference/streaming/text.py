"""Windows and events as text: lines of JSON, and subtitles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from motionlens.inference.streaming.windows import Window
from motionlens.report.event import Event


def event_line(path: str, event: Event) -> str:
    """An event as one line of JSON.

    Example:
        >>> event_line("a.mp4", Event(label="wave", start_s=1.0, end_s=2.25, confidence=0.9))
        '{"type": "event", "path": "a.mp4", "label": "wave", "start_s": 1.0, "end_s": 2.25, \
"confidence": 0.9}'
    """
    return json.dumps(
        {
            "type": "event",
            "path": path,
            "label": event.label,
            "start_s": round(event.start_s, 3),
            "end_s": round(event.end_s, 3),
            "confidence": round(event.confidence, 6),
        },
        ensure_ascii=False,
    )


def window_line(path: str, window: Window, class_names: Sequence[str], top: int) -> str:
    """A window and its most probable labels, best first, as one line of JSON."""
    values, order = window.probabilities.sort(descending=True, stable=True)
    pairs = zip(order[:top].tolist(), values[:top].tolist(), strict=True)
    return json.dumps(
        {
            "type": "window",
            "path": path,
            "start_s": round(window.start_s, 3),
            "end_s": round(window.end_s, 3),
            "predictions": [
                {"label": class_names[i], "probability": round(value, 6)} for i, value in pairs
            ],
        },
        ensure_ascii=False,
    )


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
            f"{label} ({100 * event.confidence:.0f} %)\n"
        )
    return "\n".join(cues)


def _clock(time_s: float) -> str:
    milliseconds = round(1000 * time_s)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{milliseconds:03}"
