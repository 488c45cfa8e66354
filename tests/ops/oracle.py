"""The slowest and most obvious search and embedding."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from motionlens.ops.proposals import gather_neighbors, pair_offsets


def distance(query: Tensor, key: Tensor, metric: str) -> float:
    if metric == "l2":
        return ((query - key) ** 2).sum().item()
    product = (query * key).sum().item()
    if metric == "dot":
        return -product
    assert metric == "cosine"
    norms = query.norm().item() * key.norm().item()
    return 1 - (product / norms if norms > 0 else 0.0)


def candidates(t: int, num_frames: int, window: int | None, causal: bool) -> list[int]:
    frames = [u for u in range(num_frames) if u != t]
    if causal:
        frames = [u for u in frames if u < t]
    if window is not None:
        frames = [u for u in frames if abs(u - t) <= window]
    return frames


def all_distances(
    features: Tensor, metric: str = "l2", window: int | None = None, causal: bool = False
) -> Tensor:
    """Distance of every pair by loops, float64 ``(B, T, S, T*S)``; inf where not allowed."""
    B, T, S, _ = features.shape
    points = features.double()
    table = torch.full((B, T, S, T * S), math.inf, dtype=torch.float64)
    for b in range(B):
        for t in range(T):
            for s in range(S):
                for u in candidates(t, T, window, causal):
                    for v in range(S):
                        value = distance(points[b, t, s], points[b, u, v], metric)
                        table[b, t, s, u * S + v] = value
    return table


def pair_features(features, indices, grid, offset_scale=1.0):
    """Every pair as the MLP of the paper sees it: offset, query, neighbour."""
    neighbours = gather_neighbors(features, indices)
    queries = features.unsqueeze(3).expand(-1, -1, -1, indices.shape[3], -1)
    offsets = pair_offsets(indices, grid, dtype=features.dtype) * offset_scale
    return torch.cat([offsets, queries, neighbours], dim=-1)


def unfactorised(features, indices, grid, layers, offset_scale):
    """Build every pair, concatenate, run the MLP, mask, take the maximum."""
    hidden = pair_features(features, indices, grid, offset_scale)
    for layer in layers:
        hidden = F.linear(hidden, layer.weight, layer.bias)
        if layer.norm is not None:
            hidden = layer.norm(hidden.flatten(0, 3), None).view(hidden.shape)
        hidden = hidden.relu()
    return (hidden * (indices >= 0)[..., None]).amax(3)
