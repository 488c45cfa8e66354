import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.report.detection import IOU_THRESHOLDS, average_precision, match, temporal_iou
from motionlens.report.event import Event
from motionlens.report.event_report import EventReport, VideoEvents

LABELS = ("left", "right", "wave")


def event(label, start, end, score=1.0):
    return Event(label=label, start_s=start, end_s=end, confidence=score)


def report_of(videos, names=LABELS):
    """A report of (truth, found) per video."""
    return EventReport(
        class_names=names,
        videos=tuple(
            VideoEvents(path=f"{i}.mp4", duration_s=20, truth=tuple(t), found=tuple(f))
            for i, (t, f) in enumerate(videos)
        ),
    )


def slow_average_precision(videos, label, iou):
    """ActivityNet's rule, from its words."""
    truth = [[(e.start_s, e.end_s) for e in t if e.label == label] for t, _ in videos]
    total = sum(map(len, truth))
    if total == 0:
        return math.nan
    found = []
    for i, (_, events) in enumerate(videos):
        for e in events:
            if e.label == label:
                found.append((i, e))
    found.sort(key=lambda pair: -pair[1].confidence)  # keeps the order of equal ones
    taken = [[False] * len(t) for t in truth]
    points = []
    right = 0
    for rank, (i, e) in enumerate(found, 1):
        overlaps = []
        for j, (start, end) in enumerate(truth[i]):
            shared = max(0.0, min(e.end_s, end) - max(e.start_s, start))
            union = (e.end_s - e.start_s) + (end - start) - shared
            overlaps.append((shared / union, j))
        for overlap, j in sorted(overlaps, key=lambda o: -o[0]):
            if overlap < iou:
                break
            if taken[i][j]:
                continue
            taken[i][j] = True
            right += 1
            break
        points.append((right / total, right / rank))
    area, before = 0.0, 0.0
    for place, (recall, _) in enumerate(points):
        if recall > before:
            area += (recall - before) * max(precision for _, precision in points[place:])
            before = recall
    return area


# Coarse times and scores, so that ties, equal overlaps and nested actions are frequent.
stretches = st.tuples(st.integers(0, 12), st.integers(1, 6))
truths = st.builds(lambda x, n: event(n, x[0], x[0] + x[1]), stretches, st.sampled_from(LABELS[:2]))
founds = st.builds(
    lambda x, n, s: event(n, x[0], x[0] + x[1], s / 4),
    stretches,
    st.sampled_from(LABELS),
    st.integers(0, 4),
)
videos_of_events = st.lists(
    st.tuples(st.lists(truths, max_size=5), st.lists(founds, max_size=7)), min_size=1, max_size=4
)


@given(videos_of_events)
@settings(deadline=None, max_examples=150)
def test_average_precisions_are_those_of_the_rule_in_words(videos):
    report = report_of(videos)
    wanted = [
        [slow_average_precision(videos, label, iou) for iou in IOU_THRESHOLDS] for label in LABELS
    ]
    np.testing.assert_allclose(report.average_precisions, wanted, atol=1e-12)
    known = [column for column in zip(*wanted, strict=True)]
    for value, column in zip(report.mean_average_precisions, known, strict=True):
        numbers = [v for v in column if not math.isnan(v)]
        assert value == pytest.approx(sum(numbers) / len(numbers)) if numbers else math.isnan(value)


@given(videos_of_events, st.lists(st.integers(0, 2), min_size=4, max_size=4))
@settings(deadline=None, max_examples=50)
def test_a_video_that_counts_twice_is_there_twice(videos, weights):
    weights = weights[: len(videos)]
    repeated = [video for video, n in zip(videos, weights, strict=True) for _ in range(n)]
    found = report_of(videos)._average_precisions(np.array(weights))
    if repeated:
        # Equal scores are taken in the order of the videos, which repeating keeps.
        wanted = report_of(repeated).average_precisions
        scores = [e.confidence for _, events in videos for e in events]
        if len(set(scores)) == len(scores) and max(weights) < 2:
            np.testing.assert_allclose(found, wanted)
        assert (np.isnan(found) == np.isnan(wanted)).all()


@pytest.mark.parametrize(
    ("truth", "found", "hits"),
    [
        ([], [("wave", 0, 1)], [False]),
        ([("wave", 0, 2)], [], []),
        # Found twice: the second finds nothing that is left.
        ([("wave", 0, 2)], [("wave", 0, 2), ("wave", 0, 2)], [True, False]),
        # One event over several actions takes the one that it fits best, the next the other.
        ([("wave", 0, 4), ("wave", 2, 6)], [("wave", 1, 6), ("wave", 0, 5)], [True, True]),
        # Just 0.5.
        ([("wave", 0, 2)], [("wave", 0, 4)], [True]),
        ([("wave", 0, 2)], [("wave", 0, 4.1)], [False]),
        # Touching is not overlapping.
        ([("wave", 0, 2)], [("wave", 2, 4)], [False]),
    ],
)
def test_match(truth, found, hits):
    found, truth = ([event(*e) for e in events] for events in (found, truth))
    assert match(found, truth, 0.5).tolist() == hits


def test_iou_of_events_without_length():
    assert temporal_iou(event("a", 1, 1), event("a", 1, 1)) == 0
    assert temporal_iou(event("a", 0, 4), event("a", 1, 2)) == 0.25


def test_average_precision_of_nothing():
    none = np.array([], dtype=bool)
    assert average_precision(none, 3) == 0
    assert math.isnan(average_precision(none, 0))
    assert math.isnan(average_precision(np.array([False]), 0))


def test_labels_without_an_action_do_not_count_in_the_mean():
    report = report_of([([event("left", 0, 2)], [event("left", 0, 2), event("wave", 5, 6)])])
    assert report.mean_average_precision == 1
    assert (report.precision, report.recall) == (0.5, 1)
    assert report.to_dict()["classes"]["wave"]["average_precisions"] == [None] * 5


def test_an_unsure_wrong_event_behind_the_right_one_costs_nothing():
    action = event("left", 0, 2)
    sure = report_of([([action], [event("left", 0, 2, 0.9), event("left", 5, 6, 0.2)])])
    unsure = report_of([([action], [event("left", 0, 2, 0.2), event("left", 5, 6, 0.9)])])
    assert (sure.mean_average_precision, unsure.mean_average_precision) == (1, 0.5)


def test_weaker_events_count_in_the_ranking_alone():
    video = VideoEvents(
        path="a|b.mp4",
        duration_s=9,
        truth=(event("left", 0, 2), event("left", 4, 6)),
        found=(event("left", 0, 2, 0.9),),
        weaker=(event("left", 4, 6, 0.1),),
    )
    report = EventReport(class_names=("left",), videos=(video,), settings={"hop": 2})
    assert report.mean_average_precision == 1
    assert (report.precision, report.recall) == (1, 0.5)
    assert report.interval == (1, 1)
    text = report.to_markdown("Found", ["events/a.png"])
    assert "| left      |       2 |      1 |" in text
    assert "![actions and events over time](events/a.png)" in text
    assert "hop 2" in text
