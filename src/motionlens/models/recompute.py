"""Less memory in training: what is inside a backbone's blocks is computed twice, not stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed(
    block: nn.Module, compute: Callable[[Tensor, int], Tensor], x: Tensor, num_frames: int
) -> Tensor:
    """``compute(x, num_frames)``, whose insides are computed again for the gradients.

    Args:
        block: whose norms take part; they see the batch once, as far as running statistics go.
        compute: a part of the block that draws no random numbers.
        x: as ``compute`` takes it.
        num_frames: likewise.
    """
    if not torch.is_grad_enabled():
        return compute(x, num_frames)
    result: Tensor = checkpoint(
        compute,
        x,
        num_frames,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), _unrecorded(block)),
    )
    return result


@contextmanager
def _unrecorded(block: nn.Module) -> Iterator[None]:
    """Norms use a batch's statistics and leave the running ones as they are."""
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]
    # Not by switching the running statistics off: a norm would then store other tensors than
    # the first time.
    before = [(norm.momentum, _copy(norm.num_batches_tracked)) for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 0.0
        yield
    finally:
        for norm, (momentum, number) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if number is not None and norm.num_batches_tracked is not None:
                norm.num_batches_tracked.copy_(number)


def _copy(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.clone()
