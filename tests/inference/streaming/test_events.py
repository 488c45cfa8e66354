import math

import pytest

from motionlens.inference.streaming.events import EventDetector, EventRules
from motionlens.report.event import Event

PLAIN = {"smoothing": "none"}


def run(rows, *, classes="ab", step=1.0, length=2.0, gaps=(), thresholds=None, **rules):
    """Events of windows that begin a step apart; a row is the probability of the first class.

    Before the windows named in gaps 10 seconds are missing.
    """
    detector = EventDetector(classes, EventRules(**rules), thresholds)
    found = []
    for number, row in enumerate(rows):
        values = row if isinstance(row, list) else [row, 0.0]
        start = number * step + 10 * sum(gap <= number for gap in gaps)
        found += detector.update(start, start + length, values, after_gap=number in gaps)
    return found + detector.finish()


def spans(events):
    return [(event.label, event.start_s, event.end_s) for event in events]


def test_begins_and_ends_half_way_between_the_windows_middles():
    # Middles at 1, 2, 3, ...: on from window 1 to window 3.
    (event,) = run([0.1, 0.9, 0.8, 0.7, 0.1, 0.1], **PLAIN)
    assert spans([event]) == [("a", 1.5, 4.5)]
    assert event.confidence == pytest.approx(0.8)
    assert event.duration_s == 3.0


def test_between_the_thresholds_nothing_changes():
    assert run([0.5, 0.59, 0.41], **PLAIN) == []
    assert spans(run([0.1, 0.6, 0.5, 0.41, 0.4, 0.39, 0.1], **PLAIN)) == [("a", 1.5, 5.5)]


def test_the_edges_of_the_stream_belong_to_its_first_and_last_window():
    assert spans(run([0.9, 0.9, 0.9], **PLAIN)) == [("a", 0.0, 4.0)]
    assert spans(run([0.9], **PLAIN)) == [("a", 0.0, 2.0)]
    assert run([], **PLAIN) == []


def test_labels_are_independent():
    rows = [[0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.1, 0.1]]
    assert spans(run(rows, **PLAIN)) == [("a", 0.0, 2.5), ("b", 1.5, 3.5)]


def test_each_label_has_its_own_threshold_unless_one_is_given_for_all():
    # a: on from 0.9 to below 0.6; b: on from 0.3 to below 0.2.
    rows = [[0.8, 0.1], [0.95, 0.31], [0.65, 0.21], [0.5, 0.19], [0.1, 0.1]]
    own = run(rows, thresholds=(0.9, 0.3), **PLAIN)
    assert spans(own) == [("a", 1.5, 3.5), ("b", 1.5, 3.5)]
    assert spans(run(rows, **PLAIN)) == [("a", 0.0, 4.5)]
    assert spans(run(rows, thresholds=(0.9, 0.3), on=0.6, **PLAIN)) == [("a", 0.0, 4.5)]
    # --off alone: where its own threshold is lower, that one.
    off = run(rows, thresholds=(0.9, 0.3), off=0.25, **PLAIN)
    assert sorted(spans(off)) == [("a", 1.5, 4.5), ("b", 1.5, 2.5)]
    with pytest.raises(ValueError, match="thresholds must be 2, one per label, got 1"):
        run(rows, thresholds=(0.9,))


def test_a_threshold_of_its_own_may_be_0():
    assert spans(run([0.0, 0.0], thresholds=(0.0, 0.5), **PLAIN)) == [("a", 0.0, 3.0)]


def test_background_makes_no_events():
    rows = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]]
    assert spans(run(rows, background=("a",), **PLAIN)) == [("b", 1.5, 2.5)]


def test_short_events_are_left_out():
    rows = [0.1, 0.9, 0.1, 0.9, 0.9, 0.1]
    assert spans(run(rows, min_duration_s=1.5, **PLAIN)) == [("a", 3.5, 5.5)]
    assert spans(run(rows, min_duration_s=1.0, **PLAIN)) == [("a", 1.5, 2.5), ("a", 3.5, 5.5)]


def test_near_events_become_one_and_are_measured_then():
    rows = [0.1, 0.9, 0.1, 0.7, 0.1, 0.1, 0.9, 0.1]
    (first, second) = run(rows, merge_gap_s=1.0, min_duration_s=1.0, **PLAIN)
    assert spans([first, second]) == [("a", 1.5, 4.5), ("a", 6.5, 7.5)]
    assert first.confidence == pytest.approx(0.8)  # of the windows that were on
    assert len(run(rows, merge_gap_s=2.0, **PLAIN)) == 1
    # Only once they are one are they long enough.
    assert spans(run(rows[:5], merge_gap_s=1.0, min_duration_s=2.5, **PLAIN)) == [("a", 1.5, 4.5)]


def test_told_as_soon_as_over_or_as_nothing_can_be_merged_any_more():
    def told(**rules):
        detector = EventDetector("ab", EventRules(**PLAIN, **rules))
        rows = [0.9, 0.1, 0.1, 0.1, 0.1, 0.1]
        counts = [len(detector.update(i, i + 2.0, [row, 0.0])) for i, row in enumerate(rows)]
        return counts.index(1)

    assert told() == 1
    assert told(merge_gap_s=2.0) == 3


def test_exponential_smoothing_has_its_time_constant():
    # 63 % of the way after one time constant: 0.632 < 0.7 < 1 - 1 / e**2.
    rows = [0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    (event,) = run(rows, smoothing_s=1.0, on=0.7, off=0.3)
    assert spans([event]) == [("a", 2.5, 5.5)]
    two, three = 1 - math.exp(-2), 1 - math.exp(-3)
    assert event.confidence == pytest.approx((two + three + three * math.exp(-1)) / 3)
    # A single wrong window does not make or break an event.
    flicker = [0.0, 0.0, 1.0, 0.0, 0.0]
    assert run(flicker, smoothing_s=2.0) == []
    assert len(run(flicker, smoothing_s=0.0)) == 1


def test_smoothing_goes_by_seconds_not_by_windows():
    slow = run([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], step=0.25, smoothing_s=1.0)
    fast = run([0.0] + [1.0] * 14, step=0.125, smoothing_s=1.0)
    assert slow[0].start_s == pytest.approx(fast[0].start_s, abs=0.25)


def test_median_smoothing_ignores_single_windows():
    rows = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    (event,) = run(rows, smoothing="median", smoothing_s=3.0)  # of 3 windows
    # The second of three makes the majority: one window late.
    assert spans([event]) == [("a", 5.5, 10.5)]


def test_what_is_on_ends_at_a_gap():
    rows = [0.9, 0.9, 0.9, 0.9]
    assert spans(run(rows, gaps={2}, **PLAIN)) == [("a", 0.0, 3.0), ("a", 12.0, 15.0)]
    # And smoothing begins anew.
    (event,) = run([0.0, 0.0, 0.9], gaps={2}, smoothing_s=9.0)
    assert event.confidence == pytest.approx(0.9)
    assert len(run(rows, gaps={2}, merge_gap_s=9.0, **PLAIN)) == 1


def test_keeps_as_much_however_long_it_lasts():
    detector = EventDetector("ab", EventRules(smoothing="median", smoothing_s=5.0))
    for number in range(2000):
        detector.update(number, number + 2.0, [number // 7 % 2, 1.0])
    assert len(detector._smoother._recent) == 5
    assert len(detector._stretches) <= 2


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"on": 0.3, "off": 0.5}, "thresholds must be 0 < off <= on <= 1, got off 0.5 and on 0.3"),
        ({"off": 0.0}, "thresholds must be"),
        ({"on": 1.1}, "thresholds must be"),
        ({"on": math.nan}, "thresholds must be"),
        ({"smoothing": "mean"}, "smoothing must be one of exponential, median, none, got 'mean'"),
        ({"smoothing_s": -1}, "smoothing_s must be at least 0 and below inf, got -1"),
        ({"min_duration_s": math.nan}, "min_duration_s must be at least 0 and below inf, got nan"),
        ({"merge_gap_s": math.inf}, "merge_gap_s must be at least 0 and below inf"),
    ],
)
def test_rules_are_checked(rules, message):
    with pytest.raises(ValueError, match=message):
        EventRules(**rules)


def test_labels_and_probabilities_are_checked():
    with pytest.raises(ValueError, match="got 'wawe', did you mean 'wave'?"):
        EventDetector(["wave", "rest"], EventRules(background=("wawe",)))
    detector = EventDetector(["wave", "rest"])
    with pytest.raises(ValueError, match=r"must have shape \(2,\), got \(3,\)"):
        detector.update(0, 1, [0.1, 0.2, 0.7])
    for bad in (math.nan, -0.1, 1.5):
        with pytest.raises(ValueError, match="probabilities must lie in 0..1"):
            detector.update(0, 1, [bad, 0.2])
    assert detector.finish() == []


def test_event_is_a_value():
    assert Event(label="a", start_s=0, end_s=1, confidence=1) == Event(
        label="a", start_s=0, end_s=1, confidence=1
    )
