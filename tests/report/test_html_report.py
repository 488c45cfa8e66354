import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from browser import chromium
from motionlens.report import html_report
from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.html_report import frame_strip, worst_confusions, worst_mistakes, write_html

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Checks that tags are closed in order; collects texts, pictures and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.pictures, self.addresses, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href"):
                (self.pictures if tag == "img" else self.addresses).append(value)
            assert not name.startswith("on")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def report(labels=(0, 0, 0, 1, 1), predicted=(1, 1, 0, 0, 1), sure=(0.6, 0.9, 0.7, 0.95, 0.8),
           **changes):  # fmt: skip
    names = changes.get("class_names", ("left <b>", "right & up"))
    probabilities = np.zeros((len(labels), len(names)), np.float32)
    for row, label, value in zip(probabilities, predicted, sure, strict=True):
        row[:] = (1 - value) / (len(names) - 1)
        row[label] = value
    values = {
        "class_names": names,
        "paths": tuple(f"videos/<{i}>.mp4" for i in range(len(labels))),
        "labels": np.array(labels),
        "probabilities": probabilities,
        "settings": {"model": "cpnet_nano", "views": "2x3", "k": None},
    }
    return EvaluationReport(**{**values, **changes})


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def no_frames(monkeypatch):
    """No video can be read."""
    monkeypatch.setattr(html_report, "frame_strip", lambda *_: "")


def page(tmp_path, found):
    write_html(found, tmp_path / "report.html", title="A & B")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    return text, Page(text)


def test_worst_confusions_are_the_most_frequent_and_then_the_most_confident():
    found = worst_confusions(report())
    assert [(true, label, len(group)) for true, label, group in found] == [(0, 1, 2), (1, 0, 1)]
    assert [videos for _, _, videos in found] == [[1, 0], [3]]


def test_page_is_whole_and_asks_for_nothing(tmp_path, monkeypatch):
    asked = []

    def strip(path, window, fps):
        asked.append((path, window, fps))
        return "data:image/jpeg;base64,AAAA"

    monkeypatch.setattr(html_report, "frame_strip", strip)
    found = report(fps=25, windows=((0.5, 2.0), (1.5, None), *[(None, None)] * 3))
    text, seen = page(tmp_path, found)
    assert asked == [
        ("videos/<1>.mp4", (1.5, None), 25),
        ("videos/<0>.mp4", (0.5, 2.0), 25),
        ("videos/<3>.mp4", (None, None), 25),
    ]
    kinds = [address.split(";")[0] for address in seen.pictures]
    assert kinds == ["data:image/svg+xml", *["data:image/jpeg"] * 3]
    assert all(address.startswith("data:") for address in seen.pictures)
    assert seen.addresses == []
    assert "script" not in seen.tags
    assert "url(" not in text
    assert "http:" not in text
    assert "https:" not in text
    assert "prefers-color-scheme: dark" in text
    assert "left <b> taken for right & up: 2 videos" in seen.text
    assert "95.0 % left <b>, but shows right & up. videos/<3>.mp4" in seen.text
    assert "videos/<1>.mp4, from 1.5 s on" in seen.text
    assert "videos/<0>.mp4, 0.5 to 2 s" in seen.text
    assert "top-1" in seen.text
    assert "40.0 %" in seen.text
    assert "Views: 2x3" in seen.text
    assert "cpnet_nano" in seen.text


def test_many_classes_are_a_picture(tmp_path, no_frames):
    names = tuple(f"class {i}" for i in range(35))
    _, seen = page(tmp_path, report(class_names=names))
    kind, content = seen.pictures[0].split(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert min(picture.size) > 300
    assert seen.text.count("can no longer be read") == 3


def test_nothing_wrong_broken_or_labelled(tmp_path, no_frames):
    right = report(predicted=(0, 0, 0, 1, 1), broken=(("z.mp4", "z.mp4: is <empty>"),))
    _, seen = page(tmp_path, right)
    assert "every video was recognized" in seen.text
    assert "1 more are broken" in seen.text
    assert "z.mp4: is <empty>" in seen.text
    _, seen = page(tmp_path, report(labels=(-1,) * 5))
    assert "No video has a label, so nothing is scored" in seen.text
    assert "Confusion" not in seen.text
    _, seen = page(tmp_path, report(labels=(-1, 0, 0, 1, 1)))
    assert "5 videos, 4 of them labelled" in seen.text


def test_several_labels(tmp_path, no_frames):
    targets = np.array([[1, 1], [1, 0], [1, 0], [0, 1], [0, 0]], bool)
    found = report(labels=(0, 0, 0, 1, -1), targets=targets)
    assert worst_mistakes(found, 2) == [(3, 0), (1, 1)]
    assert len(worst_mistakes(found, 99)) == 3
    _, seen = page(tmp_path, found)
    assert "mean average precision" in seen.text
    assert "95.0 % left <b>, but shows right & up" in seen.text
    assert "Confusion" not in seen.text


def several(**changes):
    """Two classes, of which a video may show both."""
    targets = np.array([[1, 1], [1, 0], [1, 0], [0, 1], [0, 0]], bool)
    return report(labels=(0, 0, 0, 1, -1), targets=targets, **changes)


def test_several_labels_have_thresholds_and_what_they_give(tmp_path, no_frames):
    found = several(thresholds=(0.25, 0.5), settings={"thresholds": "chosen on these videos"})
    text, seen = page(tmp_path, found)
    # Probabilities of the first: 0.4, 0.1, 0.7, 0.95; of the second: 0.6, 0.9, 0.3, 0.05.
    cells = re.findall(r'<td class="number" data-name="(.+?)">(\S.*?)</td>', text)
    rows = [dict(cells[i : i + 6]) for i in range(0, len(cells), 6)]
    headings = ("threshold", "precision", "recall", "F1")
    assert [[row[name] for name in headings] for row in rows] == [
        ["0.250", "66.7 %", "66.7 %", "66.7 %"],
        ["0.500", "50.0 %", "50.0 %", "50.0 %"],
    ]
    assert [row["videos"] for row in rows] == ["3", "2"]
    assert all(f">{name}</th>" in text for name in headings)
    assert "The thresholds are chosen on these videos." in seen.text
    values = json.loads(found.to_json())["classes"]["left <b>"]
    assert values["threshold"] == 0.25
    assert [values[name] for name in ("precision", "recall", "f1")] == pytest.approx([2 / 3] * 3)
    # Without thresholds there are no such columns.
    text, _ = page(tmp_path, several())
    assert not any(f">{name}</th>" in text for name in headings)


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_nothing_lies_beyond_the_edge_of_a_phone(tmp_path, monkeypatch, browser, width):
    wide = io.BytesIO()
    Image.new("RGB", (900, 96)).save(wide, "JPEG")
    address = f"data:image/jpeg;base64,{base64.b64encode(wide.getvalue()).decode()}"
    monkeypatch.setattr(html_report, "frame_strip", lambda *_: address)
    names = ("👋 swipe left", "左", "ruch w lewo, bardzo długa nazwa klasy " * 3, "a_b_" * 30)
    one = report(class_names=names, labels=(0, 1, 2, 3, 2), predicted=(3, 1, 2, 2, 0))
    many = report(class_names=tuple(f"{name} {i}" for name in names for i in range(6)))
    both = several(thresholds=(0.1, 0.9), class_names=names[2:])
    broken = report(broken=((f"{'folder/' * 30}a.mp4", f"{'folder/' * 30}a.mp4: empty"),))
    for found in (one, many, both, broken):
        page(tmp_path, found)
        seen = browser.new_page(viewport={"width": width, "height": 800})
        seen.goto((tmp_path / "report.html").as_uri())
        assert seen.evaluate("document.documentElement.scrollWidth") == width
        # What is wider than the screen scrolls in a box of its own; the table of classes is not.
        cut = seen.evaluate(
            """() => [...document.querySelectorAll(".folds *, h1, h3, figcaption, .metrics *, li")]
              .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
              .map((element) => element.outerHTML)"""
        )
        assert cut == []
        seen.close()


def test_strip_of_frames(make_video):
    path = make_video(num_frames=12, crf=1)
    content = frame_strip(str(path)).removeprefix("data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        assert picture.size == (6 * 144, 96)  # frames of 48x32, three times as large
        levels = np.asarray(picture.convert("L"), np.float32)[48, 72::144]
    # Frames 0, 2, 4, 7, 9 and 11 of grey 20 + 5 i.
    assert np.abs(levels - (20 + 5 * np.array([0, 2, 4, 7, 9, 11]))).max() < 4
    part = frame_strip(str(path), (1.0, None)).removeprefix("data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(part))) as picture:
        assert picture.size == (2 * 144, 96)  # frames 10 and 11
    assert frame_strip("nix.mp4") == ""


def test_calibration_is_a_plot_and_a_table(tmp_path, no_frames):
    text, seen = page(tmp_path, report())
    kind, content = seen.pictures[0].split(",")
    assert kind == "data:image/svg+xml;base64"
    assert b"<svg" in base64.b64decode(content)
    cells = re.findall(r'<td class="number">(.*?)</td>', text[text.index("As a table") :])
    # One video per bin, by rising confidence.
    assert [cells[i : i + 3] for i in range(0, len(cells), 3)] == [
        ["60.0 %", "0.0 %", "1"],
        ["70.0 %", "100.0 %", "1"],
        ["80.0 %", "100.0 %", "1"],
        ["90.0 %", "0.0 %", "1"],
        ["95.0 %", "0.0 %", "1"],
    ]
    assert page(tmp_path, report())[0] == text


def test_the_first_hundred_broken_videos_are_listed(tmp_path, no_frames):
    broken = tuple((f"{i}.mp4", f"{i}.mp4: is empty") for i in range(103))
    _, seen = page(tmp_path, report(broken=broken))
    assert "103 could not be decoded" in seen.text
    assert "99.mp4: is empty" in seen.text
    assert "100.mp4" not in seen.text
    assert "and 3 more, all in report.json" in seen.text
