import io

import numpy as np
from rich.console import Console

from motionlens.report.evaluation_report import EvaluationReport
from motionlens.report.statistics import Interval
from motionlens.report.tables import (
    class_table,
    confusion_table,
    percent,
    percent_range,
    score_and_range,
)

# Worked by hand: a is right 2 of 3 times (once taken for b), b always, c has no videos.
WORKED = EvaluationReport(
    class_names=("a", "b", "c"),
    paths=tuple("wxyz"),
    labels=np.array([0, 0, 0, 1]),
    probabilities=np.float32([[0.9, 0.1, 0], [0.1, 0.9, 0], [0.9, 0.1, 0], [0.1, 0.9, 0]]),
)


def text_of(table):
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_table_names_the_worst_confusion():
    text = text_of(class_table(WORKED))
    assert "b (1)" in text
    assert "66.7 %" in text
    assert "75.0 %" in text


def test_confusion_has_a_row_for_each_true_class():
    lines = [line.split() for line in text_of(confusion_table(WORKED)).splitlines()]
    assert ["│", "(1)", "a", "│", "2", "│", "1", "│", ".", "│"] in lines
    assert ["│", "(3)", "c", "│", ".", "│", ".", "│", ".", "│"] in lines


def test_shares_as_text():
    assert (percent(2 / 3), percent(float("nan"))) == ("66.7 %", "-")
    assert score_and_range(0.5, Interval(-0.01, 0.25)) == "0.500 (-0.010 to 0.250)"
    assert percent_range(Interval(-0.01, 0.25)) == "-1.0 to 25.0"
    assert percent_range(Interval(-0.01, 0.25), "+") == "-1.0 to +25.0"
