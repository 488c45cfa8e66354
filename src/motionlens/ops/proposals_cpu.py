"""Exact search for CPUs: grouped selection, no ``N x N`` buffer, no frame pair scored twice.

A search of all frames scores every pair of frames once and selects along its rows for the one
frame and along its columns for the other. A window or a causal search, and a clip whose scores
would take too much memory, go frame by frame: what is left of a query's own frame and what is
right of it are two contiguous slices of the clip, and no more than they are scored.
"""

import torch
from torch import Tensor

from motionlens.ops.scoring import full_precision, prepare
from motionlens.ops.workspace import workspace

# Positions per group of the selection; 7 to 14 measured alike, smaller and larger ones slower.
GROUP = 10
GROUPS = range(7, 15)
# Scores of one clip that may be stored at a time: bytes. A search of 32 frames of 14x14 positions
# stores 76 MB; 8 frames of 56x56 would store 1 GiB and go frame by frame.
MOST_STORED = 512 * 2**20


def search(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Find the k nearest positions in other frames.

    Takes and returns the same as :func:`motionlens.ops.proposals_reference.search`; among equal
    distances the choice may differ. Stores, besides the result, the scores of one clip's frame
    pairs, ``T (T-1) / 2 * S^2`` numbers, or those of one frame, ``(T-1) S^2``.

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
        in_pairs = window is None and not causal and _pays_in_pairs(scoring.points, T, S, k)
        scores = scoring.points.new_empty((B, T * S, k))
        indices = torch.empty((B, T * S, k), dtype=torch.int64)
        for b in range(B):
            points, bias = scoring.points[b], scoring.bias[b]
            scores[b], indices[b] = (
                search_pairs(points, bias, T, k)
                if in_pairs
                else search_frames(points, bias, T, k, window, causal)
            )
        return indices.view(B, T, S, k), scoring.distances(scores).view(B, T, S, k)


def _pays_in_pairs(points: Tensor, T: int, S: int, k: int) -> bool:
    groups = (T - 1) * (S // _group_size(S))
    stored = T * (T - 1) // 2 * S * S * points.element_size()
    return groups >= 4 * k and stored <= MOST_STORED


def search_pairs(points: Tensor, bias: Tensor, T: int, k: int) -> tuple[Tensor, Tensor]:
    """Search all other frames, every pair of frames scored once.

    Args:
        points: ``(N, C)``, of a :class:`motionlens.ops.scoring.Scoring`.
        bias: ``(N,)``, likewise.
        T: frames.
        k: at most the number of groups in the other frames.

    Returns:
        Scores, descending, and positions int64, both ``(N, k)``.
    """
    N = points.shape[0]
    S = N // T
    size = _group_size(S)
    left, right, rows = _padded_sides(points, bias, T, size)
    groups = rows // size
    stored = workspace("scores", (T * (T - 1) // 2 * rows * rows,), points.dtype)
    best = workspace("maxima", (T, rows, T, groups), points.dtype)
    starts = [0]
    best[-1, :, -1] = -torch.inf
    for t in range(T - 1):
        best[t, :, t] = -torch.inf
        width = (T - 1 - t) * rows
        # Row s, column (u - t - 1) * rows + v: position s of frame t with position v of frame u.
        block = stored[starts[t] : starts[t] + rows * width].view(rows, width)
        torch.mm(left[t], right[t + 1 :].flatten(0, 1).T, out=block)
        # Member m of group g is position m * groups + g: whole vectors make the maxima.
        torch.amax(block.view(rows, -1, size, groups), 2, out=best[t, :, t + 1 :])
        best[t + 1 :, :, t] = block.view(size, groups, -1, rows).amax(0).permute(1, 2, 0)
        starts.append(starts[t] + rows * width)
    chosen = best[:, :S].reshape(N, T * groups).topk(k, sorted=False).indices
    frame = chosen // groups
    group = chosen - frame * groups
    place, step = _places(torch.tensor(starts), frame, group, T, rows, groups)
    candidates = place[:, :, None] + step[:, :, None] * torch.arange(size)
    scores, which = stored.take(candidates.flatten(1)).topk(k)
    winner = which // size
    first = (frame * S + group).gather(1, winner)
    # Stored are scores with the query's bias, which makes them the same for both of a pair.
    return scores - bias[:, None], first + (which - winner * size) * groups


def _padded_sides(points: Tensor, bias: Tensor, T: int, size: int) -> tuple[Tensor, Tensor, int]:
    """Factors whose product is ``points[i] . points[j] + bias[i] + bias[j]``, frame by frame.

    Two more channels carry the biases. Frames are filled up to whole groups with positions whose
    every score is -inf.
    """
    N, C = points.shape
    S = N // T
    rows = -(-S // size) * size
    left, right = (workspace(side, (T, rows, C + 2), points.dtype) for side in ("left", "right"))
    for side, own, other in ((left, C, C + 1), (right, C + 1, C)):
        side[:, :S, :C] = points.view(T, S, C)
        side[:, S:, :C] = 0
        side[:, :S, own] = bias.view(T, S)
        side[:, S:, own] = -torch.inf
        side[..., other] = 1
    return left, right, rows


def _places(
    starts: Tensor, frame: Tensor, group: Tensor, T: int, rows: int, groups: int
) -> tuple[Tensor, Tensor]:
    """Where the scores of each query's chosen groups are stored: the first, and the step on."""
    query = torch.arange(frame.shape[0])[:, None]
    S = frame.shape[0] // T
    own, position = query // S, query % S
    low, high = torch.minimum(own, frame), torch.maximum(own, frame)
    width = (T - 1 - low) * rows
    along_row = frame > own
    row = torch.where(along_row, position, group)
    column = torch.where(along_row, group, position)
    place = starts[low] + row * width + (high - low - 1) * rows + column
    return place, torch.where(along_row, groups, groups * width)


def _group_size(S: int) -> int:
    """The size of groups that fills a frame of S positions with the least padding; the largest."""
    return min(GROUPS, key=lambda size: (-S % size, -size))


def search_frames(
    points: Tensor, bias: Tensor, T: int, k: int, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Search one query frame after the other.

    Takes and returns the same as :func:`search_pairs`, with -inf and -1 where a window leaves
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
