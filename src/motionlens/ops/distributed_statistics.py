"""Batch norm with the statistics of several processes' batches, on any device.

PyTorch's own works on accelerators alone, and not on the pairs of a CP module.

Letters: P rows, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Returns the sum of a tensor over all processes, and leaves the tensor as it was; every process
# calls it as often and in the same order.
Summed = Callable[[Tensor], Tensor]


def shared_batch_norm(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float, summed: Summed
) -> tuple[Tensor, ...]:
    """Norm rows by mean and variance of all processes' rows.

    Args:
        x: ``(P, C)``; P may differ between processes.
        weight: ``(C,)``.
        bias: ``(C,)``.
        eps: added to the variance.
        summed: adds up over processes.

    Returns:
        ``(P, C)`` of the dtype of ``x``; mean and unbiased variance ``(C,)``. Gradients of weight
        and bias are those of this process's rows.

    Raises:
        ValueError: If all processes together have fewer than 2 rows.
    """
    found: tuple[Tensor, ...] = _SharedBatchNorm.apply(  # type: ignore[no-untyped-call]
        x, weight, bias, eps, summed
    )
    return found


class _SharedBatchNorm(torch.autograd.Function):
    """See :func:`shared_batch_norm`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, summed: Summed
    ) -> tuple[Tensor, ...]:
        dtype = x.dtype
        x = x.to(torch.promote_types(dtype, weight.dtype))
        # The number travels with the sums; float32 would no longer count from 2**24 on.
        count = int(summed(torch.tensor(x.shape[0], device=x.device)))
        if count < 2:
            raise ValueError(
                f"norms need at least 2 values a channel in training, got {count}; use more clips"
            )
        mean = summed(x.sum(0)) / count
        # In a second round: the difference of two large sums would lose the variance.
        variance = summed((x - mean).square().sum(0)) / count
        deviation = torch.rsqrt(variance + eps)
        scale = weight.to(x.dtype) * deviation
        ctx.save_for_backward(x, weight, mean, deviation)
        ctx.count, ctx.summed, ctx.dtype = count, summed, dtype
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
        of_weight, of_bias = ctx.summed(own) / ctx.count
        scale = weight.to(x.dtype) * deviation
        out = (gradient - of_bias - centred * of_weight) * scale
        return out.to(ctx.dtype), own[0].to(weight.dtype), own[1].to(weight.dtype), None, None
