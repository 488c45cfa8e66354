import json

import torch

from motionlens.inference.streaming.watch import as_srt, event_line, window_line
from motionlens.report.event import Event, Window
from motionlens.report.prediction import Labelling


def event(label="wave", start_s=0.0, end_s=1.0):
    return Event(label=label, start_s=start_s, end_s=end_s, confidence=0.876543219)


def test_event_line():
    line = event_line("a\nb.mp4", event("wäve", 1.23456))
    assert "\n" not in line
    assert "wäve" in line
    assert json.loads(line) == {
        "type": "event",
        "path": "a\nb.mp4",
        "label": "wäve",
        "start_s": 1.235,
        "end_s": 1.0,
        "confidence": 0.876543,
    }


def test_window_line_names_the_most_probable():
    values = torch.tensor([0.1, 0.7, 0.2])
    window = Window(start_s=1, end_s=2, logits=values, probabilities=values)
    found = json.loads(window_line("a", window, Labelling("xyz"), 2))
    assert [entry["label"] for entry in found["predictions"]] == ["y", "z"]
    assert (found["type"], found["start_s"], found["end_s"]) == ("window", 1, 2)
    assert found["predictions"][0]["probability"] == 0.7


def test_window_line_says_which_of_several_labels_are_above():
    values = torch.tensor([0.1, 0.7, 0.2])
    window = Window(start_s=1, end_s=2, logits=values, probabilities=values)
    found = json.loads(window_line("a", window, Labelling("xyz", (0.05, 0.8, 0.5), False), 1))
    assert [(each["label"], each["above"]) for each in found["predictions"]] == [
        ("y", False),
        ("x", True),
    ]


def test_subtitles_are_in_order_and_cannot_be_broken_by_a_label():
    text = as_srt([event("late", 59.9996, 3600.0), event("a --> b\n\n9", 1.0, 2.0)])
    assert text == (
        "1\n00:00:01,000 --> 00:00:02,000\na -> b 9 (88 %)\n\n"
        "2\n00:01:00,000 --> 01:00:00,000\nlate (88 %)\n"
    )
    assert as_srt([]) == ""
