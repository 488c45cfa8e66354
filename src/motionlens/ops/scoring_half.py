"""The scoring rule of :mod:`motionlens.ops.scoring` with points that stay in half precision, exactly.

Matrix units multiply half precision several times faster than float32, and lose nothing by it: a
product of two bfloat16 or two float16 numbers fits into float32, in which they add up. What would
lose is rounding the points, and centring or normalising them rounds. So points are moved only
where that is exact, and scores agree with those of the float32 search to float32 rounding.

Letters: B clips, N positions of a clip (T*S), C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from motionlens.ops.scoring import Scoring

# Unit vectors cannot stay in half precision without rounding: cosines take float32 points.
METRICS = ("l2", "dot")


def prepare_half(features: Tensor, metric: str) -> Scoring:
    """Bring half-precision features to the common form of all metrics without rounding them.

    A channel is centred where every single difference is exact in half precision. That holds where
    all values lie within a factor of two of the mean, hence for the channels far from the origin
    that need it; in any other the mean m is no larger than the spread s (outliers aside), and not
    centring costs a relative error of ``(m / s)^2 * 2^-24`` in the sum over channels.

    Args:
        features: ``(B, N, C)``, float16 or bfloat16.
        metric: ``"l2"`` or ``"dot"``.

    Returns:
        The scoring rule; its points are of the features' dtype, everything else is float32.
    """
    points, unit = _scale(features)
    centre = points.mean(1, keepdim=True, dtype=torch.float32).to(points.dtype)
    moved = points - centre
    exact = (moved == points - centre.float()).all(1, keepdim=True)  # compared in float32
    centre = torch.where(exact, centre, 0).float()
    points = torch.where(exact, moved, points)
    if metric == "l2":
        # Reads half precision and adds up float32 without a copy in between.
        half = torch.linalg.vector_norm(points, dim=-1, dtype=torch.float32).square() / 2
        return Scoring(points, -half, half, unit, factor=2.0, least=0.0)
    # f_i . f_j = p_i . p_j + c . p_j + (c . p_i + c . c)
    bias = (points * centre).sum(-1)
    base = -bias - centre.square().sum(-1)
    return Scoring(points, bias, base, unit, factor=1.0, least=-torch.inf)


def _scale(features: Tensor) -> tuple[Tensor, Tensor]:
    """Divide bfloat16 by a power of two per clip, so that squares stay inside float32.

    Float16 needs none, and would lose its smallest numbers by it.
    """
    low, high = torch.aminmax(features.flatten(1), dim=1, keepdim=True)
    largest = torch.maximum(-low, high).float()
    unit = torch.ones_like(largest)
    if features.dtype == torch.bfloat16:
        # The reciprocal of anything smaller would overflow.
        exponent = torch.frexp(largest).exponent.clamp_min(-126)
        features = features * torch.ldexp(unit, -exponent).to(features.dtype)[..., None]
        unit = torch.ldexp(unit, exponent)
    return features, torch.where(largest.isfinite(), unit, largest)
