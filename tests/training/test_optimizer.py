import pytest
from torch import nn

from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.training.optimizer import lr_factor, make_optimizer, set_norm_momentum
from motionlens.training.recipe import OptimConfig


def test_norms_and_biases_are_not_decayed():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    decayed, free = make_optimizer(model, OptimConfig(weight_decay=0.1)).param_groups
    assert [p.shape for p in decayed["params"]] == [model[0].weight.shape]
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert len(free["params"]) == 3


def test_frozen_parameters_are_left_out():
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    groups = make_optimizer(model, OptimConfig(optimizer="sgd")).param_groups
    assert [len(group["params"]) for group in groups] == [1, 0]


@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "step", "constant"])
def test_factor_rises_to_one_then_never_rises_again(schedule):
    config = OptimConfig(schedule=schedule, warmup=0.25)
    factors = [lr_factor(step, 100, config) for step in range(101)]
    assert max(factors) == factors[25] == 1.0
    assert factors[:26] == sorted(factors[:26])
    assert factors[25:] == sorted(factors[25:], reverse=True)
    assert factors[0] > 0


@pytest.mark.parametrize(
    ("schedule", "step", "factor"),
    [
        ("onecycle", 0, 1 / 25),
        ("onecycle", 100, 0.0),
        ("cosine", 50, 0.5),
        ("step", 59, 1.0),
        ("step", 60, 0.1),
        ("step", 85, 0.01),
        ("constant", 100, 1.0),
    ],
)
def test_factor_at_known_steps(schedule, step, factor):
    warmup = 0.25 if schedule == "onecycle" else 0.0
    config = OptimConfig(schedule=schedule, warmup=warmup)
    assert lr_factor(step, 100, config) == pytest.approx(factor, abs=1e-12)


def test_steps_by_epochs_fall_to_a_floor():
    config = OptimConfig(
        schedule="step", step_epochs=2, min_lr=5e-5, lr=0.01, epochs=8, warmup=0, optimizer="sgd"
    )
    factors = [lr_factor(step, 8 * 5, config) for step in range(40)]
    expected = [1.0] * 10 + [0.1] * 10 + [0.01] * 10 + [0.005] * 10
    assert factors == pytest.approx(expected)


def test_the_floor_does_not_lift_the_warm_up():
    config = OptimConfig(schedule="cosine", lr=0.01, min_lr=0.001, warmup=0.5)
    factors = [lr_factor(step, 100, config) for step in range(101)]
    assert factors[0] < 0.05
    assert factors[-1] == pytest.approx(0.1)


def test_nesterov_can_be_left_out():
    model = nn.Linear(2, 2)
    groups = make_optimizer(model, OptimConfig(optimizer="sgd", nesterov=False)).param_groups
    assert [(group["momentum"], group["nesterov"]) for group in groups] == [(0.9, False)] * 2


def test_norms_take_half_as_much_after_every_step():
    model = nn.Sequential(nn.BatchNorm2d(2), CorrespondenceProposal(8, k=1))
    config = OptimConfig(norm_momentum="halving", step_epochs=3)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 4
    for epoch in (0, 2, 3, 6, 30):
        set_norm_momentum(model, epoch, config)
        decay = min(0.99, 1 - 0.5 * 0.5 ** (epoch // 3))  # as the authors write it
        assert all(norm.momentum == pytest.approx(1 - decay) for norm in norms)


def test_norms_take_less_as_the_rate_falls():
    norm = nn.BatchNorm2d(2)
    config = OptimConfig(epochs=100, warmup=0.25)
    found = []
    for epoch in range(100):
        set_norm_momentum(norm, epoch, config)
        found.append(norm.momentum)
    assert found[:26] == pytest.approx([0.1] * 26)
    assert found == sorted(found, reverse=True)
    # Half way down the cosine, and at its end.
    assert found[62] == pytest.approx(0.0510, abs=1e-3)
    assert found[-10:] == [0.01] * 10


@pytest.mark.parametrize(
    "config", [OptimConfig(norm_momentum="constant"), OptimConfig(epochs=9, schedule="constant")]
)
def test_norms_are_left_alone_otherwise(config):
    norm = nn.BatchNorm2d(2)
    set_norm_momentum(norm, 5, config)
    assert norm.momentum == 0.1
