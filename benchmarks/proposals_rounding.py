"""What ways of multiplying do to the nearest neighbours, emulated on the CPU.

Every way is compared with a search in float64 on the same, already rounded features: the share of
neighbours that differ, and how many candidates a coarse search would have to hand to an exact one
for that one to find them all. Usage: ``python benchmarks/proposals_rounding.py OUT.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from motionlens.ops.proposals_reference import allowed_frames
from motionlens.ops.scoring import prepare, prepare_half

T, S, C, K = 8, 196, 256, 8
SEEDS = 3


def far_channels(noise: Tensor) -> Tensor:
    """One channel in eight lies far from the origin, which some trained layers do."""
    return noise + 64 * (torch.arange(C) % 8 == 0)


def far_with_an_outlier(noise: Tensor) -> Tensor:
    """Everything is far, but one position at zero keeps half precision from being centred."""
    return (noise + 64) * (torch.arange(T * S) > 0)[:, None]


FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "normal": lambda noise: noise,
    "after a ReLU": torch.relu,
    "mean 4": lambda noise: noise + 4,
    "mean 64": lambda noise: noise + 64,
    "some channels at 64": far_channels,
    "mean 64, one position at 0": far_with_an_outlier,
}


def scores_float32(features: Tensor) -> Tensor:
    """The reference: centred float32 points."""
    scoring = prepare(features, "l2")
    return scoring.points @ scoring.points.mT + scoring.bias[:, None, :]


def scores_rounded(features: Tensor) -> Tensor:
    """Centred float32 points, rounded back to the features' dtype for the product."""
    scoring = prepare(features, "l2")
    points = scoring.points.to(features.dtype).float()
    return points @ points.mT + scoring.bias[:, None, :]


def scores_half(features: Tensor) -> Tensor:
    """Half-precision points that were moved exactly or not at all; the kernel's way."""
    scoring = prepare_half(features, "l2")
    points = scoring.points.float()
    return points @ points.mT + scoring.bias[:, None, :]


def tf32(points: Tensor) -> Tensor:
    """Round float32 to the 10 bits of TF32."""
    bits = points.view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


def scores_tf32(features: Tensor) -> Tensor:
    """Centred points cut to TF32."""
    scoring = prepare(features, "l2")
    points = tf32(scoring.points)
    return points @ points.mT + scoring.bias[:, None, :]


def scores_tf32x3(features: Tensor) -> Tensor:
    """Centred points split into two TF32 numbers; the kernel's way for float32."""
    scoring = prepare(features, "l2")
    high = tf32(scoring.points)
    low = tf32(scoring.points - high)
    return high @ low.mT + low @ high.mT + high @ high.mT + scoring.bias[:, None, :]


WAYS = {
    "float32": [scores_float32, scores_tf32x3, scores_tf32],
    "bfloat16": [scores_float32, scores_half, scores_rounded],
    "float16": [scores_float32, scores_half, scores_rounded],
}


def compare(features: Tensor, scores: Callable[[Tensor], Tensor]) -> tuple[float, int, int]:
    """Share of neighbours that differ; candidates needed by 99.9 % of the rows, and by all."""
    barred = ~allowed_frames(T, None, False, features.device)
    barred = barred.repeat_interleave(S, 0).repeat_interleave(S, 1)
    truth = scores_float32(features.double()).masked_fill(barred, -torch.inf)
    found = scores(features).masked_fill(barred, -torch.inf)
    nearest = truth.topk(K).indices
    kept = torch.zeros_like(barred).expand_as(found).scatter(2, found.topk(K).indices, True)
    worst = found.gather(2, nearest).amin(2, keepdim=True)
    needed = (found >= worst).sum(2).flatten().sort().values
    differing = 1 - kept.gather(2, nearest).float().mean().item()
    return differing, int(needed[int(0.999 * len(needed))]), int(needed[-1])


def main() -> None:
    rows = []
    for dtype, ways in WAYS.items():
        for name, make in FEATURES.items():
            for scores in ways:
                results = []
                for seed in range(SEEDS):
                    noise = torch.randn(1, T * S, C, generator=torch.Generator().manual_seed(seed))
                    results.append(compare(make(noise).to(getattr(torch, dtype)), scores))
                shares, most, everyone = zip(*results, strict=True)
                row = {
                    "dtype": dtype,
                    "features": name,
                    "way": scores.__name__.removeprefix("scores_"),
                    "differing_percent": round(100 * sum(shares) / SEEDS, 4),
                    "candidates_for_99.9_percent": max(most),
                    "candidates_for_all": max(everyone),
                }
                print(*row.values(), sep="  ", flush=True)
                rows.append(row)
    result = {
        "command": "python benchmarks/proposals_rounding.py OUT.json",
        "torch": torch.__version__,
        "shape": {"T": T, "S": S, "C": C, "k": K, "seeds": SEEDS},
        "rows": rows,
    }
    Path(sys.argv[1]).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
