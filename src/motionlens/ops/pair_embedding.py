"""Correspondence embedding: one MLP for every pair, then the maximum over a position's pairs.

Letters: B clips, T frames, S positions of a frame, C channels, K proposals, M channels of a layer.
Paper: the correspondence embedding layer, ``g_i = max_j MLP([p_j - p_i, f_i, f_j])``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from motionlens.ops.compiled import numba_module
from motionlens.ops.pair_norm import normalise, normalised_maximum
from motionlens.ops.proposals import flat_rows, positions
from motionlens.ops.scoring import full_precision
from motionlens.ops.sync_batchnorm import update_running_statistics

# Positions whose pairs are embedded at a time in inference on a CPU.
_PART = 512


class PairLayer(NamedTuple):
    """One layer of the pair MLP: linear, norm, ReLU.

    Attributes:
        weight: ``(M, inputs)``; the first layer's inputs are ``[offset (3), query (C),
            neighbour (C)]``.
        bias: ``(M,)`` or None.
        norm: applied before the ReLU, in all layers or in none, by the statistics of all pairs
            that exist, which go into its running ones; None in inference, where it is folded into
            the weight.
    """

    weight: Tensor
    bias: Tensor | None
    norm: nn.BatchNorm1d | None = None


def pair_embedding(
    features: Tensor,
    indices: Tensor,
    grid: tuple[int, int],
    layers: Sequence[PairLayer],
    *,
    offset_scale: float = 1.0,
    padded: bool = True,
) -> Tensor:
    """Embed each position's pairs with its proposals and keep the strongest response.

    Args:
        features: ``(B, T, S, C)``, any float dtype.
        indices: int64 ``(B, T, S, K)`` into ``T*S``; -1 for none, which the maximum ignores.
        grid: ``(H, W)`` with ``H*W = S``.
        layers: at least one; the first takes ``2C+3`` inputs, each next one the last's M.
        offset_scale: factor on the offsets, which otherwise lie in (-1, 1).
        padded: whether `indices` may hold -1; False saves a pass over the pairs.

    Returns:
        ``(B, T, S, M)`` of the last layer, not negative; zero for a position without proposals.

    Raises:
        ValueError: If the shapes do not fit each other.
    """
    _check(features, indices, grid, layers)
    query, neighbour = _projections(features, grid, layers[0], offset_scale)
    compiled = None if _needs_all_pairs(features) else numba_module("pair_embedding_numba")
    if compiled is not None and compiled.takes(query, layers):
        second = layers[1][:2] if len(layers) > 1 else ()
        out = compiled.strongest(query, neighbour, indices.flatten(1, 2), *second)
        assert isinstance(out, Tensor)
        return out.view(*indices.shape[:3], -1)
    rows, K = flat_rows(indices, indices.shape[1] * indices.shape[2]), indices.shape[3]
    exists = (indices >= 0).flatten() if padded else None

    if layers[0].norm is not None:
        out = _strongest_in_training(query, neighbour, rows, exists, layers, features.dtype)
        return out.view(*indices.shape[:3], -1)

    def embed(first: int, last: int) -> Tensor:
        pairs = slice(first * K, last * K)
        existing = None if exists is None else exists[pairs]
        hidden = _gather_pairs(query[first:last], neighbour, rows[pairs], features.dtype)
        return _strongest(hidden, K, existing, layers)

    positions = query.shape[0]
    if _needs_all_pairs(features):
        out = embed(0, positions)
    else:
        # In parts that a core's cache holds; beyond them the pairs are never in memory.
        out = torch.cat([embed(i, i + _PART) for i in range(0, positions, _PART)])
    return out.view(*indices.shape[:3], -1)


def pair_responses(
    features: Tensor,
    indices: Tensor,
    grid: tuple[int, int],
    layers: Sequence[PairLayer],
    *,
    offset_scale: float = 1.0,
) -> Tensor:
    """Responses of the MLP to every single pair: :func:`pair_embedding` before its maximum.

    The first layer is factorised: with its weight cut into ``[P, Q, N]``,
    ``P (p_j - p_i) + Q f_i + N f_j = (Q f_i - P p_i) + (N f_j + P p_j)``, so every position is
    projected once and pairs only gather and add; the ``(2C+3)``-channel pairs are never built.

    Args:
        features: as for :func:`pair_embedding`.
        indices: likewise.
        grid: likewise.
        layers: likewise, but without norms.
        offset_scale: likewise.

    Returns:
        ``(B, T, S, K, M)``, not negative; zero where the index is -1.

    Raises:
        ValueError: If the shapes do not fit each other, or a layer has a norm.
    """
    _check(features, indices, grid, layers)
    if layers[0].norm is not None:
        raise ValueError("layers must have no norms; fold them, as inference does")
    query, neighbour = _projections(features, grid, layers[0], offset_scale)
    rows = flat_rows(indices, neighbour.shape[0] // indices.shape[0])
    hidden = _gather_pairs(query, neighbour, rows, features.dtype).relu()
    for layer in layers[1:]:
        hidden = F.linear(hidden, layer.weight, layer.bias).relu()
    return hidden.view(*indices.shape, -1) * (indices >= 0)[..., None]


def _projections(
    features: Tensor, grid: tuple[int, int], layer: PairLayer, offset_scale: float
) -> tuple[Tensor, Tensor]:
    """What every position gives to the first layer as a query and as a neighbour, ``(B*T*S, M)``.

    Both in at least float32: p_j - p_i is small beside p_j, and half precision would round it away.
    """
    T, C = features.shape[1], features.shape[3]
    at, of_query, of_neighbour = torch.split(layer.weight, [3, C, C], dim=1)
    wide = torch.promote_types(features.dtype, torch.float32)
    with full_precision(features.device):
        points = positions(T, grid, dtype=wide, device=features.device) * offset_scale
        point_part = points @ at.to(wide).T
    both = F.linear(features, torch.cat([of_query, of_neighbour])).flatten(1, 2)
    query, neighbour = both.chunk(2, dim=2)
    shift = -point_part if layer.bias is None else layer.bias - point_part
    query, neighbour = query + shift, neighbour + point_part
    return query.flatten(0, 1), neighbour.flatten(0, 1)


def _gather_pairs(query: Tensor, neighbour: Tensor, rows: Tensor, dtype: torch.dtype) -> Tensor:
    """The first layer's sums ``(P*K, M)`` for P queries and the K neighbours of each."""
    gathered = F.embedding(rows, neighbour).view(query.shape[0], -1, query.shape[1])
    return (gathered + query[:, None]).flatten(0, 1).to(dtype)


def _strongest_in_training(
    query: Tensor,
    neighbour: Tensor,
    rows: Tensor,
    exists: Tensor | None,
    layers: Sequence[PairLayer],
    dtype: torch.dtype,
) -> Tensor:
    """The maximum ``(P, M)`` for layers with norms, one tensor of all pairs kept for gradients.

    What comes before the last layer's norm is computed again when gradients are.
    """
    norms = [layer.norm for layer in layers if layer.norm is not None]

    def front(query: Tensor, neighbour: Tensor) -> tuple[Tensor, ...]:
        hidden = _gather_pairs(query, neighbour, rows, dtype)
        statistics: list[Tensor] = []
        for norm, following in zip(norms, layers[1:], strict=False):
            hidden, *found = normalise(hidden, exists, norm)
            statistics += found
            hidden = F.linear(hidden.relu_(), following.weight, following.bias)
        return hidden, *statistics

    hidden, *statistics = checkpoint(
        front, query, neighbour, use_reentrant=False, preserve_rng_state=False
    )
    K = rows.shape[0] // query.shape[0]
    strongest, *found = normalised_maximum(hidden, exists, norms[-1], K)
    statistics += found
    for norm, mean, variance in zip(norms, statistics[::2], statistics[1::2], strict=True):
        update_running_statistics(norm, mean.detach(), variance.detach())
    return strongest.relu()


def _strongest(
    hidden: Tensor, K: int, exists: Tensor | None, layers: Sequence[PairLayer]
) -> Tensor:
    """The MLP without norms behind the first layer's sums ``(P*K, M)``; the maximum ``(P, M')``.

    The last bias and the last ReLU, the same for all pairs of a position and growing with its
    input, wait until after the maximum.
    """
    late_bias = None
    for number, layer in enumerate(layers[1:], start=2):
        late_bias = layer.bias if number == len(layers) else None
        hidden = F.linear(
            hidden.relu_(), layer.weight, layer.bias if number < len(layers) else None
        )
    if exists is not None:
        hidden = hidden.masked_fill(~exists[:, None], -torch.inf)
    strongest = hidden.view(-1, K, hidden.shape[1]).amax(1)
    return (strongest if late_bias is None else strongest + late_bias).relu()


def _needs_all_pairs(features: Tensor) -> bool:
    """Whether gradients need all pairs at a time, or a traced graph must have no loop."""
    return torch.is_grad_enabled() or features.device.type != "cpu" or torch.compiler.is_compiling()


def _check(
    features: Tensor, indices: Tensor, grid: tuple[int, int], layers: Sequence[PairLayer]
) -> None:
    if features.dim() != 4 or indices.dim() != 4 or features.shape[:3] != indices.shape[:3]:
        raise ValueError(
            "features (B, T, S, C) and indices (B, T, S, K) must agree in B, T and S, "
            f"got {tuple(features.shape)} and {tuple(indices.shape)}"
        )
    if grid[0] * grid[1] != features.shape[2]:
        raise ValueError(
            f"grid must be (H, W) with H*W = S = {features.shape[2]}, got {tuple(grid)}"
        )
    inputs = 2 * features.shape[3] + 3
    if not layers:
        raise ValueError("layers must hold at least one layer, got none")
    if len({layer.norm is None for layer in layers}) > 1:
        raise ValueError("layers must all have a norm or none, got both; fold norms in inference")
    for number, layer in enumerate(layers):
        if layer.weight.shape[1] != inputs:
            raise ValueError(
                f"layers[{number}].weight must have {inputs} inputs, got {layer.weight.shape[1]}"
            )
        inputs = layer.weight.shape[0]
