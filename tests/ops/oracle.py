"""The slowest and most obvious search: loops over positions, in float64."""

import math

import torch
from torch import Tensor


def distance(query: Tensor, key: Tensor, metric: str) -> float:
    if metric == "l2":
        return ((query - key) ** 2).sum().item()
    product = (query * key).sum().item()
    if metric == "dot":
        return -product
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
    """Distance of every pair ``(B, T, S, T*S)``; inf where the pair is not allowed."""
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
