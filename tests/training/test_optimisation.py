import pytest
from torch import nn

from cpnet.config import OptimConfig
from cpnet.training.optimisation import lr_factor, make_optimizer


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
