"""Batch norm over all pairs, and the maximum over a position's normed pairs without storing them.

Letters: P positions, K pairs of each, M channels.
"""

from collections.abc import Iterator
from functools import partial, reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from motionlens.ops.sync_batchnorm import AllSum, all_sum_of, sync_batch_norm


def normalise(pairs: Tensor, exists: Tensor | None, norm: nn.BatchNorm1d) -> tuple[Tensor, ...]:
    """Norm pairs by the mean and variance of all pairs that exist, as in training.

    Args:
        pairs: ``(P*K, M)``.
        exists: bool ``(P*K,)``, or None where all pairs do.
        norm: its running statistics stay as they are.

    Returns:
        The normed pairs, zero where none exists; mean and unbiased variance.
    """
    # Statistics that a momentum of one replaces by those of the batch.
    mean, variance = torch.zeros_like(norm.weight), torch.zeros_like(norm.weight)
    kept = pairs if exists is None else pairs[exists]
    if (all_sum := all_sum_of(norm)) is None:
        normed = F.batch_norm(
            kept, mean, variance, norm.weight, norm.bias, training=True, momentum=1.0, eps=norm.eps
        )
    else:
        normed, mean, variance = sync_batch_norm(kept, norm.weight, norm.bias, norm.eps, all_sum)
    if exists is not None:
        kept, normed = normed, torch.zeros_like(pairs, dtype=normed.dtype)
        normed[exists] = kept
    return normed, mean, variance


def normalised_maximum(
    pairs: Tensor, exists: Tensor | None, norm: nn.BatchNorm1d, K: int
) -> tuple[Tensor, ...]:
    """The maximum over each position's normed pairs, ``(P, M)``; -inf where it has none.

    Takes and returns the same as :func:`normalise` otherwise. Keeps the pairs and no second
    tensor of their size; equal maxima share the gradient.
    """
    found: tuple[Tensor, ...] = _NormalisedMaximum.apply(  # type: ignore[no-untyped-call]
        pairs, norm.weight, norm.bias, norm.eps, exists, K, all_sum_of(norm)
    )
    return found


class _NormalisedMaximum(torch.autograd.Function):
    """See :func:`normalised_maximum`; one of the K pairs of all positions at a time."""

    @staticmethod
    def forward(
        ctx: Any,
        pairs: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        exists: Tensor | None,
        K: int,
        all_sum: AllSum | None,
    ) -> tuple[Tensor, ...]:
        wide = torch.promote_types(pairs.dtype, weight.dtype)
        count = pairs.shape[0] if exists is None else int(exists.sum())
        if all_sum is not None:
            count = int(all_sum(torch.tensor(count, device=pairs.device)))
        if count < 2:
            raise ValueError(
                f"norms need at least 2 pairs in training, got {count}; use larger or more clips"
            )
        columns = partial(_columns, pairs, exists, K, wide)
        sums = [_existing(column, mark).sum(0) for column, mark in columns()]
        mean = _over_all(torch.stack(sums).sum(0), all_sum) / count
        sums = [_existing(column - mean, mark).square().sum(0) for column, mark in columns()]
        variance = _over_all(torch.stack(sums).sum(0), all_sum) / count
        deviation = torch.rsqrt(variance + eps)
        scale = weight.to(wide) * deviation
        shift = bias.to(wide) - mean * scale
        best = reduce(torch.maximum, (_normed(*column, scale, shift) for column in columns()))
        # Found here and not again in the backward pass, which a compiler may round otherwise.
        winners = torch.stack([_normed(*column, scale, shift) == best for column in columns()])
        ctx.save_for_backward(pairs, weight, mean, deviation, winners, exists)
        ctx.K, ctx.count, ctx.all_sum = K, count, all_sum
        unbiased = variance * (count / (count - 1))
        found = best.to(pairs.dtype), mean.to(weight.dtype), unbiased.to(weight.dtype)
        ctx.mark_non_differentiable(*found[1:])
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        pairs, weight, mean, deviation, winners, exists = ctx.saved_tensors
        wide = deviation.dtype
        scale = weight.to(wide) * deviation
        gradient = gradient.to(wide)
        count, total = torch.zeros_like(gradient), torch.zeros_like(gradient)
        columns = _columns(pairs, exists, ctx.K, wide)
        for (column, _mark), won in zip(columns, winners, strict=True):
            wins = won.to(wide)
            count += wins
            total.addcmul_(wins, column)
        if exists is not None:  # a position without pairs has nothing but equal -inf
            gradient = gradient * exists.view(-1, ctx.K).any(1, keepdim=True)
        share = gradient / count.clamp_min(1)
        of_bias = gradient.sum(0)
        of_weight = total.addcmul_(count, mean, value=-1).mul_(share).sum(0) * deviation
        del count, total, gradient  # before the one large tensor is made
        # Of a batch norm: what the winners get, less its part along the mean and the variance.
        along_weight, along_bias = of_weight, of_bias
        if ctx.all_sum is not None:  # the trainer adds up the gradients of parameters
            along_weight, along_bias = ctx.all_sum(torch.stack([of_weight, of_bias]))
        slope = -scale * deviation * along_weight / ctx.count
        level = -scale * along_bias / ctx.count - slope * mean
        out = torch.addcmul(level.to(pairs.dtype), pairs, slope.to(pairs.dtype))
        shaped = out.view(-1, ctx.K, out.shape[1])
        share = share.mul_(scale).to(out.dtype)
        for number, won in enumerate(winners):
            shaped[:, number].addcmul_(won.to(out.dtype), share)
        if exists is not None:
            out = out * exists[:, None]
        return out, of_weight.to(weight.dtype), of_bias.to(weight.dtype), *[None] * 4


def _over_all(value: Tensor, all_sum: AllSum | None) -> Tensor:
    return value if all_sum is None else all_sum(value)


def _columns(
    pairs: Tensor, exists: Tensor | None, K: int, dtype: torch.dtype
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """The n-th pair of all positions ``(P, M)``, for n = 1..K, and whether it exists ``(P, 1)``."""
    marks = [None] * K if exists is None else exists.view(-1, K, 1).unbind(1)
    for column, mark in zip(pairs.view(-1, K, pairs.shape[1]).unbind(1), marks, strict=True):
        yield column.to(dtype), mark


def _existing(values: Tensor, mark: Tensor | None) -> Tensor:
    """Zero where no pair exists."""
    return values if mark is None else values * mark


def _normed(column: Tensor, mark: Tensor | None, scale: Tensor, shift: Tensor) -> Tensor:
    """The normed pairs; -inf where none exists."""
    value = torch.addcmul(shift, column, scale)
    return value if mark is None else value.masked_fill(~mark, -torch.inf)
