"""Exact search for CPUs: in one compiled pass where Numba can be had, else frame by frame.

The plain search takes what is left of a query's own frame and what is right of it, two contiguous
slices of the clip; no more than they are scored, and one frame's scores are stored at a time.
"""

import torch
from torch import Tensor

from motionlens.ops.compiled import numba_module
from motionlens.ops.scoring import full_precision, prepare

# Positions per group of the plain selection; 7 to 14 measured alike, smaller and larger slower.
GROUP = 10


def search(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Find the k nearest positions in other frames.

    Takes and returns the same as :func:`motionlens.ops.proposals_reference.search`; among equal
    distances the choice may differ. The plain search stores the scores of one frame, ``(T-1) S^2``
    numbers; the compiled one none.

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
        if (compiled := numba_module("proposals_numba")) is not None and compiled.takes(
            scoring, T, k
        ):
            scores, indices = compiled.search(scoring, T, k, window, causal)
        else:
            scores = scoring.points.new_empty((B, T * S, k))
            indices = torch.empty((B, T * S, k), dtype=torch.int64)
            for b, (points, bias) in enumerate(zip(scoring.points, scoring.bias, strict=True)):
                scores[b], indices[b] = search_frames(points, bias, T, k, window, causal)
        return indices.view(B, T, S, k), scoring.distances(scores).view(B, T, S, k)


def search_frames(
    points: Tensor, bias: Tensor, T: int, k: int, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Search one query frame after the other.

    Args:
        points: ``(N, C)``, of a :class:`motionlens.ops.scoring.Scoring`.
        bias: ``(N,)``, likewise.
        T: frames.
        k: proposals per position.
        window: frames on either side that are searched; None for all.
        causal: search past frames only.

    Returns:
        Scores, descending, and positions int64, both ``(N, k)``; -inf and -1 where a window leaves
        fewer than k candidates.
    """
    N = points.shape[0]
    S = N // T
    scores = points.new_full((N, k), -torch.inf)
    indices = torch.full((N, k), -1, dtype=torch.int64)
    for t in range(T):
        start, end = t * S, (t + 1) * S
        first = 0 if window is None else max(0, t - window) * S
        last = N if window is None else min(T, t + window + 1) * S
        before, after = start - first, 0 if causal else last - end
        if before + after == 0:
            continue
        queries = points[start:end]
        found = queries.new_empty(S, before + after)
        for columns, keys in (
            (slice(0, before), slice(first, start)),
            (slice(before, None), slice(end, end + after)),
        ):
            torch.addmm(bias[keys], queries, points[keys].T, out=found[:, columns])
        width = min(k, before + after)
        best, column = top_k(found, width)
        scores[start:end, :width] = best
        indices[start:end, :width] = column + first + S * (column >= before)
    return scores, indices


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
