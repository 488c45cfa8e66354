"""SyncBatchNorm on any device: batch norm with the statistics of all processes' batches.

PyTorch's own works on accelerators only, and not on the pairs of a CP module.

Letters: P rows, C channels.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

# Returns the sum of a tensor over all processes, and leaves the tensor as it was; every process
# calls it as often and in the same order.
AllSum = Callable[[Tensor], Tensor]


def sync_batch_norm(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float, all_sum: AllSum
) -> tuple[Tensor, ...]:
    """Norm rows by mean and variance of all processes' rows.

    Args:
        x: ``(P, C)``; P may differ between processes.
        weight: ``(C,)``.
        bias: ``(C,)``.
        eps: added to the variance.
        all_sum: adds up over processes.

    Returns:
        ``(P, C)`` of the dtype of ``x``; mean and unbiased variance ``(C,)``. Gradients of weight
        and bias are those of this process's rows.

    Raises:
        ValueError: If all processes together have fewer than 2 rows.
    """
    found: tuple[Tensor, ...] = _SyncBatchNormFunction.apply(  # type: ignore[no-untyped-call]
        x, weight, bias, eps, all_sum
    )
    return found


class _SyncBatchNormFunction(torch.autograd.Function):
    """See :func:`sync_batch_norm`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, all_sum: AllSum
    ) -> tuple[Tensor, ...]:
        dtype = x.dtype
        x = x.to(torch.promote_types(dtype, weight.dtype))
        # The number travels with the sums; float32 would no longer count from 2**24 on.
        count = int(all_sum(torch.tensor(x.shape[0], device=x.device)))
        if count < 2:
            raise ValueError(
                f"norms need at least 2 values a channel in training, got {count}; use more clips"
            )
        mean = all_sum(x.sum(0)) / count
        # In a second round: the difference of two large sums would lose the variance.
        variance = all_sum((x - mean).square().sum(0)) / count
        deviation = torch.rsqrt(variance + eps)
        scale = weight.to(x.dtype) * deviation
        ctx.save_for_backward(x, weight, mean, deviation)
        ctx.count, ctx.all_sum, ctx.dtype = count, all_sum, dtype
        unbiased = variance * (count / (count - 1))
        out = torch.addcmul(bias.to(x.dtype) - mean * scale, x, scale).to(dtype)
        found = out, mean.to(weight.dtype), unbiased.to(weight.dtype)
        ctx.mark_non_differentiable(*found[1:])
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, weight, mean, deviation = ctx.saved_tensors
        gradient = gradient.to(x.dtype)
        centred = (x - mean) * deviation
        own = torch.stack([(gradient * centred).sum(0), gradient.sum(0)])
        of_weight, of_bias = ctx.all_sum(own) / ctx.count
        scale = weight.to(x.dtype) * deviation
        out = (gradient - of_bias - centred * of_weight) * scale
        return out.to(ctx.dtype), own[0].to(weight.dtype), own[1].to(weight.dtype), None, None


@torch.no_grad()
def update_running_statistics(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Update a norm's running statistics with those of one batch, as batch norm does.

    Args:
        norm: tracks running statistics.
        mean: ``(C,)``.
        variance: unbiased, ``(C,)``.
    """
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    share = norm.momentum
    if share is None:  # a plain mean over all batches
        assert norm.num_batches_tracked is not None
        share = 1 / float(norm.num_batches_tracked)
    for running, found in ((norm.running_mean, mean), (norm.running_var, variance)):
        assert running is not None
        running.lerp_(found.to(running.dtype), share)


class _SyncBatchNorm(_BatchNorm):
    """In training, a batch norm with the statistics of all processes."""

    all_sum: AllSum

    def forward(self, x: Tensor) -> Tensor:
        """Norm ``(P, C, ...)``."""
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)  # type: ignore[no-untyped-call]
        rows = x.movedim(1, -1)
        normed, mean, variance = sync_batch_norm(
            rows.flatten(0, -2), self.weight, self.bias, self.eps, self.all_sum
        )
        if self.track_running_stats:
            update_running_statistics(self, mean, variance)
        # Channels-last gradients make oneDNN of torch 2.13 overrun memory in narrow convolutions.
        return normed.view(rows.shape).movedim(-1, 1).contiguous()


@functools.cache
def _sharing(kind: type[_BatchNorm]) -> type[_SyncBatchNorm]:
    """The class of a batch norm of 1, 2 or 3 dimensions that shares its statistics."""
    return type(f"Sync{kind.__name__}", (_SyncBatchNorm, kind), {})


def convert_sync_batchnorm(model: nn.Module, all_sum: AllSum) -> None:
    """Let all batch norms of a network, CP modules' included, share their statistics.

    Parameters, their names and what inference computes stay as they are.

    Args:
        model: changed in place.
        all_sum: adds up a tensor over processes.
    """
    for module in model.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, _SyncBatchNorm):
            # In place, so that references to the module and its parameters stay valid.
            shared: Any = module
            shared.__class__ = _sharing(shared.__class__)
            shared.all_sum = all_sum


def all_sum_of(norm: nn.Module) -> AllSum | None:
    """The sum over processes that a norm uses; None if its statistics are its own."""
    return norm.all_sum if isinstance(norm, _SyncBatchNorm) else None
