"""Mixup and CutMix: clips of a batch mixed in pairs, and their labels in the same parts.

Letters: B clips, T frames, H W rows and columns, K classes.
"""

import math

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from motionlens.training.clip_configs import AugmentConfig


def mix(
    clip: Tensor,
    label: Tensor,
    weight: Tensor,
    num_classes: int,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor] | None:
    """Mix a batch as the recipe says, or leave it alone.

    Args:
        clip: ``(B, 3, T, H, W)``; left as it is.
        label: int64 ``(B,)``, or targets float ``(B, K)``.
        weight: ``(B,)``; clips of weight 0 are mixed into no other.
        num_classes: K.
        config: probability and kinds.
        rng: all chance comes from it.

    Returns:
        The mixed clips, and the shares of the classes in them, float32 ``(B, K)``; None where
        this batch is not to be mixed.
    """
    if rng.random() >= config.mix_probability:
        return None
    cuts = config.cutmix_alpha > 0
    if cuts and config.mixup_alpha > 0:
        cuts = bool(rng.random() < 0.5)
    alpha = config.cutmix_alpha if cuts else config.mixup_alpha
    part = float(rng.beta(alpha, alpha))
    # Clips that do not count are mixed with themselves.
    counts = weight.cpu().numpy() > 0
    partner = np.arange(len(counts))
    partner[counts] = rng.permutation(np.flatnonzero(counts))
    if cuts:
        H, W = clip.shape[3:]
        rows, columns = _draw_box(H, W, part, rng)
        mixed = clip.clone()
        mixed[..., rows, columns] = clip[partner][..., rows, columns]
        # What was really cut, which the borders of the picture may have made smaller.
        part = 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (H * W)
    else:
        mixed = clip * part + clip[partner] * (1 - part)
    target = label if label.dim() == 2 else F.one_hot(label, num_classes).float()
    return mixed, target * part + target[partner] * (1 - part)


def _draw_box(
    height: int, width: int, kept: float, rng: np.random.Generator
) -> tuple[slice, slice]:
    """Rows and columns of a box with a share of ``1 - kept`` of the area, cut at the borders."""
    side = math.sqrt(1 - kept)
    rows, columns = round(height * side), round(width * side)
    middle_row, middle_column = int(rng.integers(height)), int(rng.integers(width))
    top, left = middle_row - rows // 2, middle_column - columns // 2
    return (
        slice(max(top, 0), min(top + rows, height)),
        slice(max(left, 0), min(left + columns, width)),
    )
