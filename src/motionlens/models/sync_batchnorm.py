"""Batch norms whose statistics are those of several processes' batches."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from motionlens.ops.distributed_statistics import Summed, shared_batch_norm


class _Shared(_BatchNorm):
    """What the three kinds of batch norm do in training when they share their statistics."""

    summed: Summed

    def forward(self, x: Tensor) -> Tensor:
        """Norm ``(P, C, ...)``."""
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)  # type: ignore[no-untyped-call]
        rows = x.movedim(1, -1)
        normed, mean, variance = shared_batch_norm(
            rows.flatten(0, -2), self.weight, self.bias, self.eps, self.summed
        )
        if self.track_running_stats:
            self._record(mean, variance)
        return normed.view(rows.shape).movedim(-1, 1)

    def _record(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        part = self.momentum
        if part is None:  # a plain mean over all batches
            part = 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, part)
        self.running_var.lerp_(variance, part)


class SharedBatchNorm1d(_Shared, nn.BatchNorm1d):
    """See :func:`share_norms`."""


class SharedBatchNorm2d(_Shared, nn.BatchNorm2d):
    """See :func:`share_norms`."""


class SharedBatchNorm3d(_Shared, nn.BatchNorm3d):
    """See :func:`share_norms`."""


_KINDS: dict[type[nn.Module], type[_Shared]] = {
    nn.BatchNorm1d: SharedBatchNorm1d,
    nn.BatchNorm2d: SharedBatchNorm2d,
    nn.BatchNorm3d: SharedBatchNorm3d,
}


def share_norms(model: nn.Module, summed: Summed) -> None:
    """Let all batch norms of a network, CP modules' included, take their statistics together.

    Parameters, their names and what inference computes stay as they are.

    Args:
        model: changed in place.
        summed: adds up a tensor over processes.
    """
    for module in model.modules():
        kind = _KINDS.get(type(module))
        if kind is not None:
            # Its state stays where it is, in the hands of whoever has it already.
            shared: Any = module
            shared.__class__ = kind
            shared.summed = summed


def shared_sum(norm: nn.Module) -> Summed | None:
    """How a norm adds up over processes; None where it has its own statistics."""
    return norm.summed if isinstance(norm, _Shared) else None
