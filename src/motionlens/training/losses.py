"""What is minimised: every clip of a step weighs the same, however they are spread.

Letters: B clips, K classes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class StepPlan:
    """How an epoch's clips are spread over processes, batches and steps.

    Attributes:
        num_clips: that count, in an epoch.
        batch_size: clips that a process takes at a time.
        world_size: processes.
        accumulate: batches of a process that make a step; an epoch's last step may have fewer.
    """

    num_clips: int
    batch_size: int
    world_size: int = 1
    accumulate: int = 1

    @property
    def num_batches(self) -> int:
        """Batches of each process in an epoch."""
        return -(-self.num_clips // (self.batch_size * self.world_size))

    @property
    def num_steps(self) -> int:
        """Optimiser steps in an epoch."""
        return -(-self.num_batches // self.accumulate)

    def clips_in_step(self, batch: int) -> int:
        """Clips of all processes that count in the step to which a batch belongs.

        Args:
            batch: number in its epoch, from 0.
        """
        first = batch // self.accumulate * self.accumulate
        together = self.batch_size * self.world_size
        last = min((first + self.accumulate) * together, self.num_clips)
        return last - first * together

    @property
    def is_plain(self) -> bool:
        """Whether a step is one batch of one process."""
        return self.world_size == self.accumulate == 1

    def scale(self, batch: int) -> float:
        """What a batch's sum of losses is multiplied by, so that steps go down their clips' mean.

        The gradients of a step's batches are added up and divided by ``accumulate``, those of the
        processes by ``world_size``.
        """
        return self.accumulate * self.world_size / self.clips_in_step(batch)


def clip_losses(logits: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """The loss of each clip, ``(B,)``.

    Args:
        logits: float32 ``(B, K)``.
        target: labels int64 ``(B,)`` or shares of classes float ``(B, K)``, for cross-entropy.
        label_smoothing: share of the target that is spread over all classes.
    """
    return F.cross_entropy(logits, target, label_smoothing=label_smoothing, reduction="none")


def clip_losses_of_several_labels(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """The mean over classes of the binary cross-entropy of each clip, ``(B,)``.

    Args:
        logits: float32 ``(B, K)``.
        targets: which classes a clip shows, float ``(B, K)`` in 0 to 1.
        label_smoothing: share of each target that is replaced by one half.
    """
    targets = targets * (1 - label_smoothing) + label_smoothing / 2
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1)


def weighted_mean(losses: Tensor, weight: Tensor) -> Tensor:
    """``sum(weight * losses) / sum(weight)``; 0 where nothing weighs anything."""
    weight = weight.to(losses.dtype)
    return torch.dot(weight, losses) / weight.sum().clamp_min(torch.finfo(losses.dtype).tiny)
