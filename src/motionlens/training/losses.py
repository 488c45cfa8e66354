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


def balanced_weights(counts: Tensor, num_clips: int, *, several: bool = False) -> Tensor:
    """Weights by which every class counts the same, however many clips it has.

    Args:
        counts: clips that show each class, float32 ``(K,)``.
        num_clips: all of them.
        several: whether a clip may show several classes. Then clips with and without a class count
            the same.

    Returns:
        ``(2, K)``: of clips without and with each class. The mean weight is 1; a class without
        clips weighs 0.
    """
    both = torch.stack([num_clips - counts, counts])
    # How many kinds of clips share the whole weight.
    kinds = 2 if several else int(counts.count_nonzero())
    return num_clips / (kinds * both.clamp_min(1)) * (both > 0)


def clip_losses(
    logits: Tensor,
    target: Tensor,
    label_smoothing: float = 0.0,
    *,
    weights: Tensor | None = None,
    focal_gamma: float = 0.0,
) -> Tensor:
    """The loss of each clip, ``(B,)``: cross-entropy, or the focal loss of Lin et al. (2017).

    Args:
        logits: float32 ``(B, K)``.
        target: labels int64 ``(B,)`` or shares of classes float ``(B, K)``.
        label_smoothing: share of the target that is spread over all classes.
        weights: ``(2, K)``, see :func:`balanced_weights`; None for 1.
        focal_gamma: a class that is given the probability p counts with ``(1 - p) ** focal_gamma``.
    """
    of_classes = None if weights is None else weights[1]
    if not focal_gamma:
        return F.cross_entropy(
            logits, target, of_classes, label_smoothing=label_smoothing, reduction="none"
        )
    num_classes = logits.shape[1]
    shares = F.one_hot(target, num_classes).to(logits.dtype) if target.dim() == 1 else target
    shares = shares * (1 - label_smoothing) + label_smoothing / num_classes
    shares = shares if of_classes is None else shares * of_classes
    log_p = logits.log_softmax(1)
    losses: Tensor = -(shares * _left(log_p.exp(), focal_gamma) * log_p).sum(1)
    return losses


def clip_losses_of_several_labels(
    logits: Tensor,
    targets: Tensor,
    label_smoothing: float = 0.0,
    *,
    weights: Tensor | None = None,
    focal_gamma: float = 0.0,
) -> Tensor:
    """The mean over classes of the binary cross-entropy of each clip, ``(B,)``; or focal loss.

    Args:
        logits: float32 ``(B, K)``.
        targets: which classes a clip shows, float ``(B, K)`` in 0 to 1.
        label_smoothing: share of each target that is replaced by one half.
        weights: ``(2, K)``, see :func:`balanced_weights`; None for 1.
        focal_gamma: a class that is rightly given the probability p counts with
            ``(1 - p) ** focal_gamma``.
    """
    targets = targets * (1 - label_smoothing) + label_smoothing / 2
    if weights is None and not focal_gamma:
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(1)
    without, shown = weights if weights is not None else logits.new_ones(2, logits.shape[1])
    p = logits.sigmoid()
    of_shown = shown * targets * _left(p, focal_gamma) * F.logsigmoid(logits)
    of_others = without * (1 - targets) * _left(1 - p, focal_gamma) * F.logsigmoid(-logits)
    losses: Tensor = -(of_shown + of_others).mean(1)
    return losses


def _left(p: Tensor, gamma: float) -> Tensor:
    """``(1 - p) ** gamma``, away from 0, where a power below 1 has no finite slope."""
    return (1 - p).clamp_min(1e-6) ** gamma


def weighted_mean(losses: Tensor, weight: Tensor) -> Tensor:
    """``sum(weight * losses) / sum(weight)``; 0 where nothing weighs anything."""
    weight = weight.to(losses.dtype)
    return torch.dot(weight, losses) / weight.sum().clamp_min(torch.finfo(losses.dtype).tiny)
