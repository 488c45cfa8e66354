"""The pair MLP for CPUs in one pass, compiled by Numba: pairs are never in memory.

Letters: B clips, N positions of a clip, K proposals, M and L channels of the first and last layer.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numba import carray, cfunc, njit, types
from torch import Tensor

from motionlens.ops.numba_team import compiled, num_threads, run, thread_number
from motionlens.ops.score_tile import LANES, PAIRS, pointer, strongest_of_tile


def takes(query: Tensor, layers: Sequence[Any]) -> bool:
    """Whether :func:`strongest` can embed pairs.

    Args:
        query: as there.
        layers: of the MLP, see :class:`motionlens.ops.pair_embedding.PairLayer`.
    """
    last = layers[-1]
    usual = query.dtype == last.weight.dtype == torch.float32
    return usual and last.norm is None and len(layers) <= 2


def strongest(
    query: Tensor,
    neighbour: Tensor,
    indices: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """The maximum over each position's pairs of an MLP of one or two layers.

    Args:
        query: float32 ``(B*N, M)``, what a position gives to the first layer as a query.
        neighbour: likewise, as a neighbour.
        indices: int64 ``(B, N, K)`` into N; -1 for none.
        weight: float32 ``(L, M)`` of the second layer; None if there is one layer.
        bias: float32 ``(L,)`` of the second layer; None for none.

    Returns:
        ``(B*N, L)``, not negative; zero for a position without pairs.
    """
    P, M = query.shape
    L, panels = M, query.new_empty((0, M, LANES))
    if weight is not None:
        L = weight.shape[0]
        rows = query.new_zeros((-(-L // LANES), LANES, M))
        rows.view(-1, M)[:L] = weight
        panels = rows.mT.contiguous()
    last_bias = query.new_zeros(L) if bias is None else bias.contiguous()
    out = query.new_empty((P, L))
    tensors = query.contiguous(), neighbour.contiguous(), indices.contiguous(), panels
    B, N, K = indices.shape
    run(_work, (*tensors, last_bias, out), (B, N, K, M, L, len(panels)), P * K * M * L)
    return out


@compiled(njit)
def _pairs(query: Any, neighbour: Any, indices: Any, hidden: Any) -> int:
    """The first layer's outputs for a position.

    Args:
        query: ``(M,)``.
        neighbour: ``(N, M)``.
        indices: ``(K,)``.
        hidden: ``(K + PAIRS, M)``, written; rows up to a whole number of tiles repeat the first.

    Returns:
        How many pairs exist.
    """
    count = 0
    for index in indices:
        if index >= 0:
            for m in range(len(query)):
                value = query[m] + neighbour[index, m]
                # Not max(value, 0), which would hide NaN.
                hidden[count, m] = np.float32(0) if value < 0 else value
            count += 1
    for row in range(count, -(-count // PAIRS) * PAIRS):
        hidden[row] = hidden[0]
    return count


@compiled(njit)
def _embed_clips(
    query: Any, neighbour: Any, indices: Any, panels: Any, bias: Any, out: Any
) -> None:
    """A thread's share of all positions; see :func:`strongest`.

    Args:
        query: ``(B, N, M)``.
        neighbour: likewise.
        indices: ``(B, N, K)``.
        panels: ``(L / LANES, M, LANES)``, the last filled up with zeros; empty for one layer.
        bias: ``(L,)``.
        out: ``(B, N, L)``, written.
    """
    B, N, M = query.shape
    hidden = np.empty((indices.shape[2] + PAIRS, M), np.float32)
    best = np.empty(max(panels.shape[0] * LANES, M), np.float32)
    thread, threads = thread_number(), num_threads()
    for position in range(B * N * thread // threads, B * N * (thread + 1) // threads):
        b, n = position // N, position % N
        count = _pairs(query[b, n], neighbour[b], indices[b, n], hidden)
        if count == 0:
            out[b, n] = 0
            continue
        best[:] = -np.inf
        for panel in range(panels.shape[0]):
            for row in range(0, count, PAIRS):
                strongest_of_tile(
                    hidden[row:].ctypes.data,
                    panels[panel].ctypes.data,
                    M,
                    best[panel * LANES :].ctypes.data,
                )
        if panels.shape[0] == 0:
            for row in range(count):
                for m in range(M):
                    value = hidden[row, m]
                    best[m] = best[m] if value < best[m] else value
        for m in range(out.shape[2]):
            value = best[m] + bias[m]
            out[b, n, m] = np.float32(0) if value < 0 else value


@compiled(cfunc, types.void(types.voidptr))
def _work(order: Any) -> None:
    """What each thread runs: the addresses and sizes that :func:`strongest` lays down."""
    query, neighbour, indices, panels, bias, out, B, N, K, M, L, num_panels = carray(
        order, (12,), np.int64
    )
    _embed_clips(
        carray(pointer(query), (B, N, M), np.float32),
        carray(pointer(neighbour), (B, N, M), np.float32),
        carray(pointer(indices), (B, N, K), np.int64),
        carray(pointer(panels), (num_panels, M, LANES), np.float32),
        carray(pointer(bias), (L,), np.float32),
        carray(pointer(out), (B, N, L), np.float32),
    )
