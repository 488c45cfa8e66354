"""Exact search for CPUs: one query frame at a time, grouped selection, no ``N x N`` buffer.

Frames that a query may not see are never scored: what is left of its own frame and what is right
of it are two contiguous slices of the clip.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cpnet.ops.scoring import full_precision, prepare

# Positions per group of the selection; 8 to 14 measured alike, smaller and larger ones slower.
GROUP = 10


def search(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Find the k nearest positions in other frames.

    Takes and returns the same as :func:`cpnet.ops.proposals_reference.search`; among equal
    distances the choice may differ.

    Raises:
        ValueError: If the features hold NaN or inf.
    """
    B, T, S, C = features.shape
    with full_precision(features.device):
        scoring = prepare(features.reshape(B, T * S, C), metric)
        if not torch.isfinite(scoring.unit).all() and not torch.isfinite(features).all():
            raise ValueError(
                "features must be finite, got NaN or inf; check the clip and the learning rate"
            )
        scores = scoring.points.new_full((B, T * S, k), -torch.inf)
        indices = torch.full((B, T * S, k), -1, dtype=torch.int64)
        for b in range(B):
            points, bias = scoring.points[b], scoring.bias[b]
            for t in range(T):
                first = 0 if window is None else max(0, t - window)
                last = t if causal else (T if window is None else min(T, t + window + 1))
                rows = slice(t * S, (t + 1) * S)
                found = _search_frame(points, bias, t * S, S, first * S, max(t + 1, last) * S, k)
                if found is not None:
                    width = found[0].shape[1]
                    scores[b, rows, :width], indices[b, rows, :width] = found
        return indices.view(B, T, S, k), scoring.distances(scores).view(B, T, S, k)


def _search_frame(
    points: Tensor, bias: Tensor, start: int, S: int, first: int, last: int, k: int
) -> tuple[Tensor, Tensor] | None:
    """Best scores and positions for one frame at ``start`` among ``first..last`` without itself."""
    before, after = start - first, last - (start + S)
    if before + after == 0:
        return None
    queries = points[start : start + S]
    scores = queries.new_empty(S, before + after)
    for columns, keys in (
        (slice(0, before), slice(first, start)),
        (slice(before, None), slice(start + S, last)),
    ):
        torch.addmm(bias[keys], queries, points[keys].T, out=scores[:, columns])
    best, column = top_k(scores, min(k, before + after))
    return best, column + first + S * (column >= before)


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Exact ``scores.topk(k)`` along rows, faster for long rows.

    A row is split into groups; the k best scores always lie in the k groups with the best maxima
    (any other group is beaten by k maxima), so only those groups are looked at closely. Groups
    stride across the row, which lets the maxima be taken by whole vectors.

    Args:
        scores: ``(R, M)``.
        k: at most M.

    Returns:
        Values, descending, and columns int64, both ``(R, k)``.
    """
    R, M = scores.shape
    groups = M // GROUP
    if groups < 4 * k:
        values, columns = scores.topk(k)
        return values, columns
    grouped = scores[:, : groups * GROUP].view(R, GROUP, groups)
    chosen = grouped.amax(1).topk(k, sorted=False).indices
    # Column of group g, member m is m * groups + g; the few columns beyond all groups come along.
    member = torch.arange(GROUP) * groups
    rest = torch.arange(groups * GROUP, M).expand(R, -1)
    candidates = torch.cat([(chosen[:, :, None] + member).flatten(1), rest], dim=1)
    values, place = scores.gather(1, candidates).topk(k)
    return values, candidates.gather(1, place)
