import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from motionlens.report.calibration import (
    at_temperature,
    brier_scores,
    calibration,
    fit_temperature,
    log_losses,
    refusal_threshold,
)


def test_calibration_by_hand():
    # Bins of a quarter: 0.1 alone; 0.375 and 0.5 together, the edge with the lower bin.
    bins = calibration(np.float32([0.1, 0.375, 0.5, 1.0]), np.array([0, 1, 0, 1], bool), 4)
    assert bins.counts.tolist() == [1, 2, 0, 1]
    np.testing.assert_allclose(bins.confidence, [0.1, 0.4375, np.nan, 1], atol=1e-6)
    np.testing.assert_allclose(bins.accuracy, [0, 0.5, np.nan, 1])
    assert bins.error == pytest.approx((0.1 + 2 * 0.0625 + 0) / 4)


def test_calibration_agrees_with_torchmetrics():
    rng = np.random.default_rng(0)
    probabilities = torch.from_numpy(rng.dirichlet([1] * 4, 500).astype(np.float32))
    labels = torch.from_numpy(rng.integers(4, size=500))
    is_right = (probabilities.argmax(1) == labels).numpy()
    ours = calibration(probabilities.amax(1).numpy(), is_right).error
    theirs = multiclass_calibration_error(probabilities, labels, num_classes=4, n_bins=15)
    assert ours == pytest.approx(float(theirs), abs=1e-6)


def drawn(temperature, num_videos=20_000):
    """Probabilities that are right once logits are divided by a temperature, and labels."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((num_videos, 5))
    true = np.exp(logits)
    true /= true.sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) < rng.random((num_videos, 1))).sum(axis=1)
    shown = torch.from_numpy(logits * temperature).softmax(1).numpy()
    return shown.astype(np.float32), labels


def test_scores_agree_with_torch():
    probabilities, labels = drawn(1, 50)
    p, y = torch.from_numpy(probabilities).double(), torch.from_numpy(labels)
    losses = torch.nn.functional.nll_loss(p.log(), y, reduction="none")
    np.testing.assert_allclose(log_losses(probabilities, labels), losses)
    truth = torch.nn.functional.one_hot(y, 5)
    np.testing.assert_allclose(brier_scores(probabilities, labels), ((p - truth) ** 2).sum(1))


@pytest.mark.parametrize("temperature", [0.5, 1, 3])
def test_a_temperature_is_found_again_and_helps(temperature):
    probabilities, labels = drawn(temperature)
    found = fit_temperature(probabilities, labels)
    assert found == pytest.approx(temperature, rel=0.03)
    after = at_temperature(probabilities, found)
    assert (after.argmax(1) == probabilities.argmax(1)).all()
    for near in (0.9 * found, 1.1 * found):
        assert (
            log_losses(after, labels).mean()
            < log_losses(at_temperature(probabilities, near), labels).mean()
        )


@pytest.mark.parametrize(("labels", "expected"), [([0, 0, 0], 0.1), ([1, 1, 1], 10)])
def test_a_temperature_is_bounded(labels, expected):
    probabilities = np.float32([[0.9, 0.1]] * 3)
    assert fit_temperature(probabilities, np.array(labels)) == pytest.approx(expected)
    certain = np.float32([[1, 0]] * 3)
    assert np.isfinite(log_losses(certain, np.array(labels))).all()
    assert 0.1 <= fit_temperature(certain, np.array(labels)) <= 10 + 1e-9


@pytest.mark.parametrize("share", [0, 0.05, 0.5, 1])
def test_a_threshold_refuses_no_more_than_its_share(share):
    confidence = np.random.default_rng(0).random(30)
    assert (confidence < refusal_threshold(confidence, share)).mean() <= share
