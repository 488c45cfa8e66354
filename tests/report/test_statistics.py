from math import comb

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multilabel_average_precision

from motionlens.report.statistics import (
    Ranking,
    average_precisions,
    bootstrap_map,
    bootstrap_map_difference,
    bootstrap_mean,
    mcnemar,
)


def test_bootstrap_of_a_share_is_near_its_known_spread():
    values = np.repeat([1.0, 0.0], [80, 20])
    found = bootstrap_mean(values)
    # 0.8 +- 1.96 * sqrt(0.8 * 0.2 / 100)
    assert found.low == pytest.approx(0.7216, abs=0.02)
    assert found.high == pytest.approx(0.8784, abs=0.02)
    assert bootstrap_mean(values) == found
    assert bootstrap_mean(values, seed=1) != found


def test_average_precision_by_hand():
    # Class 0: its videos rank 1st and 3rd: (1/1 + 2/3) / 2. Class 1: 2nd. Class 2 has none.
    probabilities = np.float32([[0.9, 0.1, 0.5], [0.8, 0.7, 0.5], [0.7, 0.8, 0.5]])
    targets = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]], bool)
    found = average_precisions(probabilities, targets)
    np.testing.assert_allclose(found, [5 / 6, 1 / 2, np.nan], rtol=1e-6)
    np.testing.assert_allclose(
        average_precisions(probabilities[:, :1], targets[:, :1]), [5 / 6], rtol=1e-6
    )
    assert np.isnan(average_precisions(probabilities, np.zeros_like(targets))).all()


@pytest.fixture
def ranked():
    rng = np.random.default_rng(0)
    targets = rng.random((60, 4)) < 0.3
    return (rng.random((60, 4)) + 0.5 * targets).astype(np.float32), targets


def test_ranking_agrees_with_torchmetrics_and_with_counting_videos_twice(ranked):
    probabilities, targets = ranked
    ranking = Ranking(probabilities, targets)
    once = ranking.mean_average_precision(np.ones(60, np.int64))
    theirs = multilabel_average_precision(
        torch.from_numpy(probabilities), torch.from_numpy(targets).long(), 4
    )
    assert once == pytest.approx(float(theirs), abs=1e-6)
    weights = np.random.default_rng(1).integers(0, 2, 60)
    chosen = np.flatnonzero(weights)
    part = Ranking(probabilities[chosen], targets[chosen])
    expected = part.mean_average_precision(np.ones(len(chosen), np.int64))
    assert ranking.mean_average_precision(weights) == pytest.approx(expected)


def test_bootstrap_of_rankings(ranked):
    probabilities, targets = ranked
    ranking = Ranking(probabilities, targets)
    value = ranking.mean_average_precision(np.ones(60, np.int64))
    found = bootstrap_map(ranking)
    assert found.low < value < found.high
    assert bootstrap_map_difference(ranking, ranking) == (0, 0)
    worse = Ranking(1 - probabilities, targets)
    assert bootstrap_map_difference(ranking, worse).low > 0


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 5), (3, 9), (9, 3), (7, 7), (1, 0)])
def test_mcnemar_is_the_two_sided_binomial_test(first, second):
    n = first + second
    tail = sum(comb(n, i) for i in range(min(first, second) + 1)) / 2**n
    assert mcnemar(first, second) == pytest.approx(min(2 * tail, 1))


def test_mcnemar_of_many_videos():
    assert mcnemar(10_000, 10_000) == 1
    assert 0 < mcnemar(4_900, 5_100) < 0.06
    assert mcnemar(0, 5_000) == 0
