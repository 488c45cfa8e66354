import pytest
import torch
import torch.nn.functional as F

from motionlens.training.losses import (
    StepPlan,
    balanced_weights,
    clip_losses,
    clip_losses_of_several_labels,
    weighted_mean,
)


@pytest.mark.parametrize(
    "plan",
    [
        StepPlan(10, 4),
        StepPlan(10, 2, world_size=2),
        StepPlan(11, 2, world_size=2, accumulate=2),
        StepPlan(3, 4, world_size=3, accumulate=5),
    ],
)
def test_every_clip_of_an_epoch_is_in_one_step(plan):
    starts = range(0, plan.num_batches, plan.accumulate)
    assert len(starts) == plan.num_steps
    assert sum(plan.clips_in_step(batch) for batch in starts) == plan.num_clips
    for batch in range(plan.num_batches):
        first = batch // plan.accumulate * plan.accumulate
        assert plan.clips_in_step(batch) == plan.clips_in_step(first)


def test_scaled_sums_make_the_mean_over_the_step():
    losses = torch.randn(11)
    plan = StepPlan(11, 2, world_size=2, accumulate=3)  # batches of 4 in all: 12 of the 1st step
    found = 0.0
    for batch in range(3):
        for rank in range(2):
            own = losses[4 * batch : 4 * batch + 4][rank::2]
            found += own.sum() * plan.scale(batch) / plan.accumulate / plan.world_size
    torch.testing.assert_close(found, losses.mean())


def test_plain_is_one_batch_of_one_process():
    assert StepPlan(3, 2).is_plain
    assert not StepPlan(3, 2, accumulate=2).is_plain
    assert not StepPlan(3, 2, world_size=2).is_plain


def test_losses_of_clips_are_those_of_their_mean():
    logits, label = torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 1])
    losses = clip_losses(logits, label, 0.1)
    torch.testing.assert_close(losses.mean(), F.cross_entropy(logits, label, label_smoothing=0.1))
    parts = F.one_hot(label, 3).float()
    torch.testing.assert_close(clip_losses(logits, parts, 0.1), losses)


def test_several_labels_are_yes_or_no_each():
    logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    yes = torch.sigmoid(logits)
    expected = -(targets * yes.log() + (1 - targets) * (1 - yes).log()).mean(1)
    torch.testing.assert_close(clip_losses_of_several_labels(logits, targets), expected)
    soft = clip_losses_of_several_labels(logits, torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    torch.testing.assert_close(clip_losses_of_several_labels(logits, targets, 0.2), soft)


def test_what_weighs_nothing_does_not_count():
    losses = torch.tensor([1.0, 2.0, 30.0])
    assert weighted_mean(losses, torch.tensor([1.0, 1.0, 0.0])) == 1.5
    assert weighted_mean(losses, torch.zeros(3)) == 0


def test_balanced_weights():
    counts = torch.tensor([6.0, 2.0, 0.0])
    weights = balanced_weights(counts, 8)[1]
    # 8 / (2 classes * clips of the class); all clips together weigh 8.
    torch.testing.assert_close(weights, torch.tensor([8 / 12, 2.0, 0.0]))
    assert float(counts @ weights) == pytest.approx(8)
    without, shown = balanced_weights(torch.tensor([6.0, 2.0]), 8, several=True)
    torch.testing.assert_close(shown, torch.tensor([8 / 12, 2.0]))
    torch.testing.assert_close(without, torch.tensor([2.0, 8 / 12]))


LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]])
WEIGHTS = torch.tensor([[0.5, 1.0, 2.0], [3.0, 1.0, 0.5]])


def test_weighted_and_focal_losses_of_one_label():
    label = torch.tensor([0, 2])
    p = LOGITS.softmax(1)[torch.arange(2), label]
    weight = torch.tensor([3.0, 0.5])
    torch.testing.assert_close(clip_losses(LOGITS, label, weights=WEIGHTS), -weight * p.log())
    focal = clip_losses(LOGITS, label, weights=WEIGHTS, focal_gamma=2)
    torch.testing.assert_close(focal, -weight * (1 - p) ** 2 * p.log())
    # A tiny gamma is no gamma, smoothing and shares of classes included.
    shares = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.5, 0.5]])
    for target in (label, shares):
        torch.testing.assert_close(
            clip_losses(LOGITS, target, 0.1, weights=WEIGHTS, focal_gamma=1e-7),
            clip_losses(LOGITS, target, 0.1, weights=WEIGHTS),
        )


def test_weighted_and_focal_losses_of_several_labels():
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    p = LOGITS.sigmoid()
    right = torch.where(targets > 0, p, 1 - p)
    weight = torch.where(targets > 0, WEIGHTS[1], WEIGHTS[0])
    found = clip_losses_of_several_labels(LOGITS, targets, weights=WEIGHTS, focal_gamma=2)
    torch.testing.assert_close(found, -(weight * (1 - right) ** 2 * right.log()).mean(1))
    torch.testing.assert_close(
        clip_losses_of_several_labels(LOGITS, targets, 0.1, weights=torch.ones(2, 3)),
        clip_losses_of_several_labels(LOGITS, targets, 0.1),
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_losses_of_far_logits_have_finite_gradients(gamma):
    for losses, target in (
        (clip_losses, torch.tensor([1])),
        (clip_losses_of_several_labels, torch.tensor([[0.0, 1.0]])),
    ):
        logits = torch.tensor([[100.0, -100.0]], requires_grad=True)
        losses(logits, target, focal_gamma=gamma).sum().backward()
        assert torch.isfinite(logits.grad).all()
