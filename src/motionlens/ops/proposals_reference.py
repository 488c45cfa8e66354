"""Exact search in plain PyTorch: every score of a clip, the excluded ones masked, then ``topk``.

Slow and memory-hungry on purpose: it is the search that all others are tested against, it runs
on any device, and it is made of operations that exporters know.
"""

import torch
from torch import Tensor

from motionlens.ops.scoring import full_precision, prepare


def allowed_frames(
    num_frames: int, window: int | None, causal: bool, device: torch.device
) -> Tensor:
    """Which frame may look into which.

    Returns:
        bool ``(T, T)``; ``[t, u]`` is true where a position of frame t may take one of frame u.
    """
    frame = torch.arange(num_frames, device=device)
    ahead = frame[None, :] - frame[:, None]
    allowed = ahead != 0
    if causal:
        allowed &= ahead < 0
    if window is not None:
        allowed &= ahead.abs() <= window
    return allowed


def search(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Find the k nearest positions in other frames by the full matrix of scores.

    Args:
        features: ``(B, T, S, C)``, any float dtype and strides.
        k: proposals per position.
        metric: ``"l2"``, ``"dot"`` or ``"cosine"``.
        window: frames on either side that may be searched; None for all.
        causal: search past frames only.

    Returns:
        Indices int64 and distances, both ``(B, T, S, k)``; -1 and inf where candidates run out.
    """
    B, T, S, C = features.shape
    with full_precision(features.device):
        scoring = prepare(features.reshape(B, T * S, C), metric)
        scores = scoring.points @ scoring.points.mT + scoring.bias[:, None, :]
    allowed = allowed_frames(T, window, causal, features.device)
    allowed = allowed.repeat_interleave(S, 0).repeat_interleave(S, 1)
    best, indices = scores.masked_fill(~allowed, -torch.inf).topk(k, dim=-1)
    indices = indices.masked_fill(best == -torch.inf, -1)
    return indices.view(B, T, S, k), scoring.distances(best).view(B, T, S, k)
