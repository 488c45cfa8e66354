"""Optimiser, learning-rate schedule and batch-norm momentum of a recipe, in plain PyTorch."""

import math

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from motionlens.training.recipe import OptimConfig

ONECYCLE_START = 1 / 25
STEP_MILESTONES = (0.6, 0.85)
STEP_FACTOR = 0.1
NORM_MOMENTUM, LEAST_NORM_MOMENTUM = 0.1, 0.01


def make_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser over all trainable parameters; norms and biases are not decayed."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups = [
        # A matrix or kernel has at least two dimensions, a norm's scale or a bias has one.
        {"params": [p for p in trainable if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, nesterov=config.nesterov)
    return torch.optim.AdamW(groups, lr=config.lr)


def lr_factor(step: int, num_steps: int, config: OptimConfig) -> float:
    """What the recipe's learning rate is multiplied by at one step.

    Args:
        step: number of steps already taken, from 0.
        num_steps: steps of the whole training, equally many in each epoch.
        config: names the schedule and its warm-up.

    Returns:
        A factor in [0, 1]; 1 at the end of the warm-up.

    Example:
        >>> config = OptimConfig(schedule="cosine", warmup=0.0)
        >>> [round(lr_factor(step, 4, config), 3) for step in range(5)]
        [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    done = min(step / num_steps, 1.0)
    if done < config.warmup:
        risen = done / config.warmup
        if config.schedule == "onecycle":
            return ONECYCLE_START + (1 - ONECYCLE_START) * (1 - math.cos(math.pi * risen)) / 2
        # The first step would be lost at a rate of nothing.
        return (step + 1) / (config.warmup * num_steps + 1)
    if config.schedule == "constant":
        factor = 1.0
    elif config.schedule == "step":
        falls = sum(done >= milestone for milestone in STEP_MILESTONES)
        if config.step_epochs is not None:
            assert config.epochs is not None
            falls = step * config.epochs // num_steps // config.step_epochs
        factor = STEP_FACTOR**falls
    else:
        fallen = (done - config.warmup) / (1 - config.warmup)
        factor = (1 + math.cos(math.pi * fallen)) / 2
    return max(factor, config.min_lr / config.lr)


def set_norm_momentum(model: nn.Module, epoch: int, config: OptimConfig) -> None:
    """Let batch norms take as much of a batch's statistics as the recipe says for an epoch.

    On small data the running statistics of the last ten batches differ by enough to turn a clip in
    twenty from right to wrong; those of a hundred do not.

    Halving is what the authors write as a decay of ``min(0.99, 1 - 0.5 * 0.5**(epoch // step))``
    of the running statistics: one less that is PyTorch's momentum.

    Args:
        model: changed in place, CP modules' norms too.
        epoch: from 0.
        config: names the way and its step.
    """
    if config.norm_momentum == "constant":
        return
    if config.norm_momentum == "falling":
        assert config.epochs is not None
        is_warm = epoch >= config.warmup * config.epochs
        momentum = NORM_MOMENTUM * (lr_factor(epoch, config.epochs, config) if is_warm else 1)
    else:
        assert config.step_epochs is not None
        momentum = 0.5 * 0.5 ** (epoch // config.step_epochs)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = max(LEAST_NORM_MOMENTUM, momentum)
