import numpy as np
import pytest
import torch

from motionlens.report.prediction import Labelling
from motionlens.report.thresholds import choose_thresholds, threshold_scores


def f1_of(probabilities, target, threshold):
    shown = probabilities >= threshold
    hits = (shown & target).sum()
    return 2 * hits / (shown.sum() + target.sum())


@pytest.mark.parametrize("seed", range(8))
def test_no_threshold_is_better(seed):
    rng = np.random.default_rng(seed)
    # Rounded, so that many are equal.
    probabilities = rng.random((40, 3)).round(1).astype(np.float32)
    targets = rng.random((40, 3)) < 0.3
    thresholds = choose_thresholds(probabilities, targets)
    scores = threshold_scores(probabilities, targets, thresholds)
    for k, threshold in enumerate(thresholds):
        best = max(f1_of(probabilities[:, k], targets[:, k], t) for t in np.arange(0, 1.001, 0.01))
        assert f1_of(probabilities[:, k], targets[:, k], threshold) == pytest.approx(best)
        assert scores.f1[k] == pytest.approx(best)


def test_by_hand():
    probabilities = np.array([[0.9, 0.5], [0.6, 0.5], [0.2, 0.5]], dtype=np.float32)
    targets = np.array([[True, False], [False, False], [True, False]])
    # All three: 4 / 5; the first alone: 2 / 3.
    assert choose_thresholds(probabilities, targets) == pytest.approx((0.1, 0.5))
    scores = threshold_scores(probabilities, targets, (0.1, 0.5))
    assert scores.f1[0] == pytest.approx(0.8)
    assert np.isnan(scores.f1[1])
    assert (scores.precision[0], scores.recall[0]) == pytest.approx((2 / 3, 1.0))
    # No video shows the second, two are said to.
    assert (scores.precision[1], np.isnan(scores.recall[1])) == (0.0, True)
    # From 0.95 on nothing is said to show anything.
    assert np.isnan(threshold_scores(probabilities, targets, (0.95, 0.95)).precision).all()


def test_predictions_say_what_is_above():
    row = torch.tensor([0.2, 0.9, 0.4, 0.3])
    found = Labelling("abcd", (0.5, 0.95, 0.4, 0.1), is_single=False).best("v.mp4", row, 1)
    # The labels above their thresholds are named, even beyond the most probable one.
    assert found.labels == ("b", "c", "d")
    assert found.above == (False, True, True)
    assert found.to_dict()["predictions"][1] == {
        "label": "c",
        "probability": pytest.approx(0.4),
        "above": True,
    }
    plain = Labelling("abcd").best("v.mp4", row, 1)
    assert plain.above is None
    assert "above" not in plain.to_dict()["predictions"][0]


def test_one_label_is_shown_or_unknown():
    row = torch.tensor([0.2, 0.45, 0.35])
    found = Labelling("abc", (0.3,) * 3).best("v.mp4", row, 2)
    assert (found.labels, found.above) == (("b", "c"), (True, False))
    assert not found.is_unknown
    found = Labelling("abc", (0.5,) * 3).best("v.mp4", row, 2)
    assert (found.label, found.above, found.is_unknown) == ("b", (False, False), True)
