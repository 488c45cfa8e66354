from dataclasses import replace

import pytest

from motionlens.datasets.prepare_report import PartReport, PrepareReport

TRAIN = PartReport(
    listed=1200, usable=1196, missing=2, unreadable=1, short=1, damaged=3, official=1200,
    frames=(2, 36, 70),
)  # fmt: skip
REPORT = PrepareReport(
    name="list",
    title="lists of videos",
    root="/data",
    out="/data/prepared",
    check="decode",
    min_frames=2,
    parts={"train": TRAIN, "test": replace(TRAIN, official=1300, frames=None)},
    num_classes=3,
    official_num_classes=None,
    class_counts={"a|b": {"train": 1196}, "c": {"test": 4}},
    num_twice=0,
    num_leaked=0,
    notes=("There is no moon.",),
)


def test_left_out():
    assert REPORT.num_left_out == 8


def test_remarks_say_what_differs():
    assert REPORT.remarks() == [
        "test: 1,200 videos are listed, officially there are 1,300.",
        "Classes without a usable training video: 1 (c).",
        "There is no moon.",
    ]
    more = replace(REPORT, official_num_classes=4, num_twice=5, num_leaked=2).remarks()
    assert "There are 3 classes, officially 4." in more
    assert any("more than once: 5, in more than one part: 2" in line for line in more)


def test_rows_fit_their_headings():
    rows = REPORT.rows()
    assert {len(row) for row in rows} == {len(REPORT.headings())}
    assert rows[0] == ["train", "1,200", "1,200", "1,196", "2", "1", "1", "3", "2 / 36 / 70"]
    assert rows[1][-1] == ""


@pytest.mark.parametrize(
    ("check", "said"), [("none", "not opened"), ("open", "was opened"), ("decode", "Every frame")]
)
def test_page(check, said):
    text = replace(REPORT, check=check).to_markdown()
    assert said in text
    assert "- There is no moon." in text
    # What stands in a cell does not end it.
    assert "| a\\|b  | 1,196 |    0 |" in text
    assert "\n\n\n" not in text
