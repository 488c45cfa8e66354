import numpy as np
import pytest
from PIL import Image

from motionlens.report.event import Event
from motionlens.report.plots.probability_trace import ProbabilityTrace
from motionlens.report.plots.timeline import draw_timeline

BLUE = np.array([0x00, 0x72, 0xB2])
GREY = np.array([0xC3, 0xCA, 0xD1])


def event(label, start_s, end_s):
    return Event(label=label, start_s=start_s, end_s=end_s, confidence=0.8)


def draw(path, events, **options):
    given = {"class_names": ["wave", "rest"], "start_s": 0.0, "end_s": 10.0, "title": "a.mp4"}
    draw_timeline(events, path, **{**given, **options})


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def columns(picture, colour):
    """Which columns have pixels of a colour."""
    return np.flatnonzero((np.abs(picture - colour).sum(-1) < 12).any(0))


def test_bars_lie_where_the_events_are(tmp_path):
    draw(tmp_path / "whole.png", [event("wave", 0, 10)])
    draw(tmp_path / "part.png", [event("wave", 2, 4), event("wave", 9, 10)])
    whole = columns(pixels(tmp_path / "whole.png"), BLUE)
    left, width = whole[0], whole[-1] - whole[0]
    found = (columns(pixels(tmp_path / "part.png"), BLUE) - left) / width * 10
    ends = [found[0], found[np.diff(found, append=99) > 1][0], found[-1]]
    assert ends == pytest.approx([2, 4, 10], abs=0.05)


def test_the_shortest_event_can_be_seen(tmp_path):
    draw(tmp_path / "a.png", [event("wave", 5, 5.0001)])
    assert 1 <= len(columns(pixels(tmp_path / "a.png"), BLUE)) <= 4


def test_probabilities_lie_behind(tmp_path):
    trace = ProbabilityTrace(2, piece_s=1.0)
    trace.add(0.0, 4.9, [1.0, 0.0])
    draw(tmp_path / "a.png", [], trace=trace)
    picture = pixels(tmp_path / "a.png")
    # The area is tall, the line at its foot is not.
    tall = np.flatnonzero((np.abs(picture - GREY).sum(-1) < 12).sum(0) > 10)
    assert (tall[-1] - tall[0]) / picture.shape[1] == pytest.approx(0.45, abs=0.06)


def test_rows_are_bounded(tmp_path):
    names = [f"label {i}" for i in range(60)]
    events = [event(name, i, i + 0.5) for i, name in enumerate(names)]
    draw(tmp_path / "many.png", events, class_names=names, end_s=60.0)
    draw(tmp_path / "few.png", events[:20], class_names=names, end_s=60.0)
    assert pixels(tmp_path / "many.png").shape == pixels(tmp_path / "few.png").shape


def test_a_stream_without_anything(tmp_path):
    draw(tmp_path / "a.svg", [], end_s=0.0)
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_other_endings_are_refused_and_nothing_is_lost(tmp_path):
    with pytest.raises(ValueError, match="must end in one of .png, .svg, .pdf, got .*a.jpeg"):
        draw(tmp_path / "a.jpeg", [])
    assert list(tmp_path.iterdir()) == []
