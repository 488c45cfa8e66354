"""What a process has of its own in the middle of an epoch: what resuming it exactly takes.

Weights, optimizer and loops are the same in all processes, and Lightning stores them once.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torchmetrics import Metric

from motionlens.training.ema import Ema


def process_state(module: nn.Module, ema: Ema | None) -> dict[str, Any]:
    """The metrics so far, the buffers (statistics of norms) and the random generators, on the CPU.

    Args:
        module: the network and its metrics.
        ema: has buffers too; None if there is none.
    """
    device = _device(module)
    return {
        "metrics": {
            name: {key: getattr(metric, key).cpu() for key in metric.metric_state}
            for name, metric in _metrics(module).items()
        },
        "buffers": [
            {name: value.cpu() for name, value in each.named_buffers()}
            for each in _with_buffers(module, ema)
        ],
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def restore_process_state(state: Mapping[str, Any], module: nn.Module, ema: Ema | None) -> None:
    """Put back what :func:`process_state` gave; the module lies on its device already."""
    device = _device(module)
    for name, metric in _metrics(module).items():
        for key, value in state["metrics"][name].items():
            setattr(metric, key, value.to(device))
    for each, stored in zip(_with_buffers(module, ema), state["buffers"], strict=True):
        for name, value in each.named_buffers():
            value.copy_(stored[name])
    torch.set_rng_state(state["random"])
    if device.type == "cuda" and state["random_cuda"] is not None:
        torch.cuda.set_rng_state(state["random_cuda"], device)


def _metrics(module: nn.Module) -> dict[str, Metric]:
    return {name: each for name, each in module.named_modules() if isinstance(each, Metric)}


def _with_buffers(module: nn.Module, ema: Ema | None) -> list[nn.Module]:
    return [module] if ema is None else [module, ema.average]


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device
