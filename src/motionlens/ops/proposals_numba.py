"""Exact search for CPUs in one pass, compiled by Numba: scores are never in memory.

Every pair of frames is scored once, in tiles that stay in registers. A tile is compared with the
least score that a query still wants: its rows for the one frame, its columns for the other. Only
what is above it is looked at one by one. Which of several equally distant positions is taken
depends on the sizes of a clip alone, not on the number of threads or clips.

Letters: B clips, T frames, S positions of a frame, C channels, K proposals, P panels of a frame.
"""

from typing import Any

import numpy as np
import torch
from numba import carray, cfunc, njit, types
from torch import Tensor

from motionlens.ops.numba_team import barrier, compiled, num_threads, run, thread_number
from motionlens.ops.score_tile import LANES, ROWS, best_of_tile, lowest_bit, pointer, score_tile
from motionlens.ops.scoring import Scoring

# A list of the best is kept in order by moving its entries, which is slow for long ones.
MOST_PROPOSALS = 64
# Multiply-adds per query and frame that finding a bound beforehand may cost; it saves some twenty
# moves into a list.
_COST_OF_BOUND = 50_000
# Rows that meet all panels of a frame before the next rows do, and so stay in a core's cache.
_BAND = 16 * ROWS


def takes(scoring: Scoring, T: int, k: int) -> bool:
    """Whether :func:`search` can do a search, arguments as there."""
    S = scoring.points.shape[1] // T
    return scoring.points.dtype == torch.float32 and S >= ROWS and k <= MOST_PROPOSALS


def search(
    scoring: Scoring, T: int, k: int, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Find the k best scores of every position among other frames.

    Args:
        scoring: float32, on the CPU, of ``B`` clips of ``N = T*S`` positions with S at least ROWS.
        T: frames.
        k: at most MOST_PROPOSALS.
        window: frames on either side that are searched; None for all.
        causal: search past frames only.

    Returns:
        Scores, descending, and positions int64, both ``(B, N, k)``; -inf and -1 where a window
        leaves fewer than k candidates.
    """
    points, bias = scoring.points.contiguous(), scoring.bias.contiguous()
    B, N, C = points.shape
    P = -(-(N // T) // LANES)
    scores = points.new_empty((B, N, k))
    indices = torch.empty((B, N, k), dtype=torch.int64)
    padded = points.new_empty((2, B, T, P * LANES))
    panels = points.new_empty((B, T, P, C, LANES))
    tensors = points, bias, panels, padded, scores, indices
    sizes = B, T, N // T, C, k, window or T, causal
    # Every pair of frames is scored once.
    run(_work, tensors, sizes, B * N * N * C // 2)
    return scores, indices


@compiled(njit)
def _keep(scores: Any, indices: Any, score: Any, index: Any) -> Any:
    """Put a score that belongs there into a descending list; return the list's new last."""
    place = len(scores) - 1
    while place > 0 and scores[place - 1] < score:
        scores[place], indices[place] = scores[place - 1], indices[place - 1]
        place -= 1
    scores[place], indices[place] = score, index
    return scores[-1]


@compiled(njit)
def _prepare_frame(
    points: Any, bias: Any, panels: Any, padded: Any, scores: Any, indices: Any
) -> None:
    """Lay out a frame's candidates in vectors and empty the lists of its queries.

    Args:
        points: ``(S, C)``.
        bias: ``(S,)``.
        panels: ``(P, C, LANES)``, written.
        padded: ``(2, P * LANES)``, written: biases; and the least scores that queries want.
        scores: ``(S, k)``, written.
        indices: ``(S, k)``, written.
    """
    S = len(points)
    scores[:], indices[:] = -np.inf, -1
    padded[0], padded[1] = -np.inf, np.inf
    padded[0, :S], padded[1, :S] = bias, -np.inf
    for s in range(S):
        panel, lane = s // LANES, s % LANES
        for c in range(points.shape[1]):
            panels[panel, c, lane] = points[s, c]
    for s in range(S, panels.shape[0] * LANES):
        panels[s // LANES, :, s % LANES] = 0


@compiled(njit)
def _bound(groups: Any, least: Any, scores: Any) -> None:
    """Let the lists of a frame's queries begin with a score that k candidates are above.

    Args:
        groups: ``(G, P * LANES)``, the best score that each query has in each of G groups.
        least: ``(P * LANES,)``, written for queries that exist.
        scores: ``(S, k)``, written.
    """
    S, k = scores.shape
    best = np.empty((k, LANES), np.float32)
    values = np.empty(LANES, np.float32)
    for start in range(0, S, LANES):
        best[:] = -np.inf
        for group in range(len(groups)):
            values[:] = groups[group, start : start + LANES]
            for place in range(k):
                for lane in range(LANES):
                    a, b = best[place, lane], values[lane]
                    best[place, lane] = a if a > b else b
                    values[lane] = b if a > b else a
        for s in range(start, min(S, start + LANES)):
            lowest = best[-1, s - start]
            lowest -= np.float32(1e-6) * abs(lowest) + np.float32(1e-30)
            least[s] = lowest
            scores[s] = lowest


@compiled(njit)
def _bound_pair(
    t: int, u: int, S: int, past_only: bool, points: Any, panels: Any, padded: Any, scores: Any
) -> None:
    """Before frames t < u are the first that meet: let their lists begin with a low score.

    Candidates fall into groups, of which the k with the best maxima hold k that are as good as the
    least of these maxima. Lists begin with it, so that most candidates are passed over.

    Args:
        t: as for :func:`_search_pair`.
        u: likewise.
        S: likewise.
        past_only: likewise.
        points: likewise.
        panels: likewise.
        padded: likewise.
        scores: likewise.
    """
    bias, least = padded[0], padded[1]
    own = np.empty(ROWS, np.float32)
    of_tile = np.empty((ROWS, LANES), np.float32)
    of_rows = np.empty((LANES, bias.shape[1]), np.float32)
    of_columns = np.full((LANES, bias.shape[1]), -np.inf, np.float32)
    for start in range(0, S, ROWS):
        first = min(start, S - ROWS)
        # Rows that were there before count once.
        own[: start - first], own[start - first :] = -np.inf, bias[t, start : first + ROWS]
        of_tile[:] = -np.inf
        for panel in range(panels.shape[1]):
            best_of_tile(
                points[t * S + first :].ctypes.data,
                own.ctypes.data,
                panels[u, panel].ctypes.data,
                bias[u, panel * LANES :].ctypes.data,
                points.shape[1],
                of_tile.ctypes.data,
                of_columns[start // ROWS % LANES, panel * LANES :].ctypes.data,
            )
        of_rows[:, first : first + ROWS] = of_tile.T
    if not past_only:
        _bound(of_rows, least[t], scores[t * S : (t + 1) * S])
    _bound(of_columns, least[u], scores[u * S : (u + 1) * S])


@compiled(njit)
def _search_pair(
    t: int,
    u: int,
    S: int,
    past_only: bool,
    points: Any,
    panels: Any,
    padded: Any,
    scores: Any,
    indices: Any,
) -> None:
    """Let the positions of frames t < u of a clip find each other.

    Args:
        t: the frame whose positions are rows.
        u: the frame whose positions are columns.
        S: positions of a frame, at least ROWS.
        past_only: the earlier frame finds nothing.
        points: ``(N, C)``.
        panels: ``(T, P, C, LANES)``.
        padded: ``(2, T, P * LANES)``.
        scores: ``(N, k)``.
        indices: ``(N, k)``.
    """
    C = points.shape[1]
    bias, least = padded[0], padded[1]
    tile = np.empty((ROWS, LANES), np.float32)
    hits = np.empty((2, ROWS), np.uint16)
    nothing = np.full(ROWS, np.inf, np.float32)
    for band in range(0, S, _BAND):
        end = min(S, band + _BAND)
        for panel in range(panels.shape[1]):
            column = panel * LANES
            for start in range(band, end, ROWS):
                # The last rows come with some that were there before; these are passed over.
                first = max(0, min(start, end - ROWS))
                wanted = score_tile(
                    points[t * S + first :].ctypes.data,
                    bias[t, first:].ctypes.data,
                    nothing.ctypes.data if past_only else least[t, first:].ctypes.data,
                    panels[u, panel].ctypes.data,
                    bias[u, column:].ctypes.data,
                    least[u, column:].ctypes.data,
                    C,
                    tile.ctypes.data,
                    hits.ctypes.data,
                )
                if wanted == 0:
                    continue
                for r in range(start - first, ROWS):
                    row = first + r
                    query = t * S + row
                    bits = np.int64(hits[0, r])
                    while bits:
                        lane = lowest_bit(bits)
                        bits &= bits - 1
                        score = tile[r, lane] + bias[u, column + lane]
                        if score > least[t, row]:
                            found = u * S + column + lane
                            least[t, row] = _keep(scores[query], indices[query], score, found)
                    bits = np.int64(hits[1, r])
                    while bits:
                        lane = lowest_bit(bits)
                        bits &= bits - 1
                        score = tile[r, lane] + bias[t, row]
                        if score > least[u, column + lane]:
                            other = u * S + column + lane
                            least[u, column + lane] = _keep(
                                scores[other], indices[other], score, query
                            )


@compiled(njit)
def _search_clips(
    points: Any,
    bias: Any,
    panels: Any,
    padded: Any,
    scores: Any,
    indices: Any,
    S: int,
    window: int,
    causal: bool,
) -> None:
    """A thread's share of all clips; the arrays are those of the functions above, of B clips.

    In each round every frame meets one other, as in a tournament, so threads never write to the
    same frame.
    """
    thread, threads = thread_number(), num_threads()
    B, T = panels.shape[:2]
    for n in range(thread, B * T, threads):
        b, t = n // T, n % T
        own = slice(t * S, (t + 1) * S)
        _prepare_frame(
            points[b, own],
            bias[b, own],
            panels[b, t],
            padded[:, b, t],
            scores[b, own],
            indices[b, own],
        )
    barrier()
    bounds_first = S * points.shape[2] <= _COST_OF_BOUND and scores.shape[2] <= LANES
    rounds = T - 1 + T % 2  # with an odd number one frame rests in each
    meetings = (rounds + 1) // 2
    for around in range(rounds):
        for n in range(B * meetings * thread // threads, B * meetings * (thread + 1) // threads):
            b, meeting = n // meetings, n % meetings
            t, u = (around + meeting) % rounds, (around - meeting) % rounds
            if meeting == 0:
                u = rounds
            t, u = min(t, u), max(t, u)
            if u < T and u - t <= window:
                if around == 0 and bounds_first:
                    _bound_pair(t, u, S, causal, points[b], panels[b], padded[:, b], scores[b])
                _search_pair(
                    t, u, S, causal, points[b], panels[b], padded[:, b], scores[b], indices[b]
                )
        barrier()


@compiled(cfunc, types.void(types.voidptr))
def _work(order: Any) -> None:
    """What each thread runs: the addresses and sizes that :func:`search` lays down."""
    points, bias, panels, padded, scores, indices, B, T, S, C, k, window, causal = carray(
        order, (13,), np.int64
    )
    N, P = T * S, -(-S // LANES)
    _search_clips(
        carray(pointer(points), (B, N, C), np.float32),
        carray(pointer(bias), (B, N), np.float32),
        carray(pointer(panels), (B, T, P, C, LANES), np.float32),
        carray(pointer(padded), (2, B, T, P * LANES), np.float32),
        carray(pointer(scores), (B, N, k), np.float32),
        carray(pointer(indices), (B, N, k), np.int64),
        S,
        window,
        causal != 0,
    )
