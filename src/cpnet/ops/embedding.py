"""Correspondence embedding: one MLP for every pair, then the maximum over a position's pairs.

Letters: B clips, T frames, S positions of a frame, C channels, K proposals, M channels of a layer.
Paper: the correspondence embedding layer, ``g_i = max_j MLP([p_j - p_i, f_i, f_j])``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cpnet.ops.proposals import flat_rows, positions

# Normalises pairs (P, M); the second argument marks with bool (P,) the pairs that exist, or is
# None where all do.
Norm = Callable[[Tensor, Tensor | None], Tensor]


class PairLayer(NamedTuple):
    """One layer of the pair MLP: linear, norm, ReLU.

    Attributes:
        weight: ``(M, inputs)``; the first layer's inputs are ``[offset (3), query (C),
            neighbour (C)]``.
        bias: ``(M,)`` or None.
        norm: applied before the ReLU; None in inference, where it is folded into the weight.
    """

    weight: Tensor
    bias: Tensor | None
    norm: Norm | None = None


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
    responses = pair_responses(
        features, indices, grid, layers, offset_scale=offset_scale, padded=padded
    )
    return responses.amax(3)


def pair_responses(
    features: Tensor,
    indices: Tensor,
    grid: tuple[int, int],
    layers: Sequence[PairLayer],
    *,
    offset_scale: float = 1.0,
    padded: bool = True,
) -> Tensor:
    """Responses of the MLP to every single pair: :func:`pair_embedding` before its maximum.

    The first layer is factorised: with its weight cut into ``[P, Q, N]``,
    ``P (p_j - p_i) + Q f_i + N f_j = (Q f_i - P p_i) + (N f_j + P p_j)``, so every position is
    projected once and pairs only gather and add; the ``(2C+3)``-channel pairs are never built.

    Args:
        features: as for :func:`pair_embedding`, like all others.
        indices: see there.
        grid: see there.
        layers: see there.
        offset_scale: see there.
        padded: see there.

    Returns:
        ``(B, T, S, K, M)``, not negative; zero where the index is -1.

    Raises:
        ValueError: If the shapes do not fit each other.
    """
    _check(features, indices, grid, layers)
    exists = (indices >= 0).flatten() if padded else None
    hidden = _first_layer(features, indices, grid, layers[0], offset_scale)
    hidden = _finish(hidden, layers[0], exists)
    for layer in layers[1:]:
        hidden = _finish(F.linear(hidden, layer.weight, layer.bias), layer, exists)
    if exists is not None:
        # After a ReLU nothing is below zero: a zero hides no response from the maximum.
        hidden = hidden * exists[:, None]
    return hidden.view(*indices.shape, -1)


def _first_layer(
    features: Tensor,
    indices: Tensor,
    grid: tuple[int, int],
    layer: PairLayer,
    offset_scale: float,
) -> Tensor:
    """The factorised sum for all pairs, ``(B*T*S*K, M)``."""
    B, T, S, C = features.shape
    at, of_query, of_neighbour = torch.split(layer.weight, [3, C, C], dim=1)
    # Positions are added in at least float32: p_j - p_i is small beside p_j, and half precision
    # would round it away.
    wide = torch.promote_types(features.dtype, torch.float32)
    points = positions(T, grid, dtype=wide, device=features.device) * offset_scale
    # A product of sums, not a matmul, which autocast would round.
    point_part = (points[:, None, :] * at.to(wide)).sum(-1)
    query = F.linear(features, of_query, layer.bias).view(B, T * S, -1) - point_part
    neighbour = F.linear(features, of_neighbour).view(B, T * S, -1) + point_part
    gathered = F.embedding(flat_rows(indices, T * S), neighbour.flatten(0, 1))
    pairs = gathered.view(B * T * S, indices.shape[3], -1) + query.flatten(0, 1)[:, None]
    result: Tensor = pairs.flatten(0, 1).to(features.dtype)
    return result


def _finish(pairs: Tensor, layer: PairLayer, exists: Tensor | None) -> Tensor:
    if layer.norm is not None:
        pairs = layer.norm(pairs, exists)
    return pairs.relu()


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
    for number, layer in enumerate(layers):
        if layer.weight.shape[1] != inputs:
            raise ValueError(
                f"layers[{number}].weight must have {inputs} inputs, got {layer.weight.shape[1]}"
            )
        inputs = layer.weight.shape[0]
