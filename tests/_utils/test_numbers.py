import math

import pytest

from motionlens._utils.numbers import duration, figure, percent


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0.0, 1, "0.0 %"),
        (1e-9, 1, "< 0.1 %"),
        (0.00049, 1, "< 0.1 %"),
        (0.00051, 1, "0.1 %"),
        (0.9994, 1, "99.9 %"),
        (0.99951, 1, "> 99.9 %"),
        (1.0, 1, "100.0 %"),
        (0.004, 0, "< 1 %"),
        (0.996, 0, "> 99 %"),
        (0.91, 0, "91 %"),
        (math.nan, 1, "-"),
    ],
)
def test_percent(share, digits, text):
    assert percent(share, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(4649.7, "4,650"), (1400, "1,400"), (999.6, "1,000"), (999.4, "999"), (0.586, "0.586")],
)
def test_a_figure_is_never_written_with_an_exponent_because_it_is_large(value, text):
    assert figure(value) == text


def test_durations_are_rounded():
    texts = ["1 s", "59 s", "2 min", "1 h 0 min", "2 h 1 min"]
    assert [duration(seconds) for seconds in (0, 59, 95, 3599, 7260)] == texts
