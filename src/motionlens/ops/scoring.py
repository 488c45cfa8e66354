"""One scoring rule for every metric: what a search ranks, and how a score becomes a distance.

Each metric is brought to the same form, so that a search needs only one kernel:

    score[i, j] = points[i] . points[j] + bias[j]              larger is nearer
    distance[i, j] = factor * unit^2 * (base[i] - score[i, j])

Letters: B clips, N positions of a clip (T*S), C channels.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

Metric = Literal["l2", "dot", "cosine"]
METRICS: tuple[str, ...] = get_args(Metric)
# Unit vectors cannot stay in half precision without rounding: cosines take float32 points.
HALF_METRICS = ("l2", "dot")

# Two to the power of it is an ordinary number, and so is its reciprocal.
_MOST_EXPONENT = {torch.float32: 126, torch.float64: 1022}


class Scoring(NamedTuple):
    """What a search needs to rank the positions of a clip.

    Attributes:
        points: ``(B, N, C)``, float32 (float64 for float64 features), contiguous.
        bias: ``(B, N)``, added to the scores of position j.
        base: ``(B, N)``, the score at which position i is at distance zero.
        unit: ``(B, 1)``, the length of one unit of ``points`` in the features' own scale; not
            finite if the clip holds NaN or inf.
        factor: see above.
        least: no distance is below this.
    """

    points: Tensor
    bias: Tensor
    base: Tensor
    unit: Tensor
    factor: float
    least: float

    def distances(self, scores: Tensor) -> Tensor:
        """Turn scores ``(B, N, k)`` into distances; a score of -inf becomes a distance of inf."""
        unit = self.unit[..., None]
        # Twice by the unit, not once by its square, which may overflow.
        distances = self.factor * (self.base[..., None] - scores) * unit * unit
        return distances.clamp_min(self.least).masked_fill(scores == -torch.inf, torch.inf)


# Asked for once: in torch 2.11 a compiled graph breaks at the question.
_AUTOCAST = frozenset(
    kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.amp.is_autocast_available(kind)
)


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Keep autocast from rounding what is computed inside the ``with`` block.

    Nothing at all where autocast is off, so that exported graphs stay free of it.
    """
    kind = device.type
    if kind in _AUTOCAST and torch.is_autocast_enabled(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


def prepare(features: Tensor, metric: str) -> Scoring:
    """Bring features to the common form of all metrics.

    Features far from the origin would drown their differences in ``f_i . f_j``, so the product
    runs on centred points: L2 distances do not change, and for a dot product the part that
    centring removes depends on i alone or on j alone. A power of two per clip, exact in binary
    arithmetic, keeps squares of huge and tiny features inside float32.

    Args:
        features: ``(B, N, C)``, any float dtype; half precision is computed in float32.
        metric: ``"l2"`` (squared), ``"dot"`` (negated) or ``"cosine"`` (one minus it).

    Returns:
        The scoring rule.
    """
    points = features.to(torch.promote_types(features.dtype, torch.float32))
    # Row by row: a maximum with one result runs on one core.
    largest = points.abs().amax(-1).amax(1, keepdim=True)
    if metric == "cosine":
        return _prepare_cosine(points, largest)
    most = _MOST_EXPONENT[points.dtype]
    exponent = torch.frexp(largest).exponent.clamp(-most, most)
    unit = torch.ldexp(torch.ones_like(largest), exponent)
    points = points * unit.reciprocal()[..., None]
    unit = torch.where(largest.isfinite(), unit, largest)
    centre = points.mean(1, keepdim=True)
    points = points - centre
    if metric == "l2":
        half = points.square().sum(-1) / 2
        return Scoring(points, -half, half, unit, factor=2.0, least=0.0)
    # f_i . f_j = p_i . p_j + c . p_j + (c . p_i + c . c)
    bias = (points @ centre.mT)[..., 0]
    base = -bias - centre.square().sum(-1)
    return Scoring(points, bias, base, unit, factor=1.0, least=-torch.inf)


def _prepare_cosine(points: Tensor, largest: Tensor) -> Scoring:
    """One minus the cosine is half the squared distance of unit vectors, and can be centred too."""
    # Unit vectors of far features differ only in their last digits: normalise in float64.
    wide = points.double() / largest.clamp_min(torch.finfo(points.dtype).tiny)[..., None]
    norm = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
    wide = wide / norm.clamp_min(torch.finfo(wide.dtype).tiny)
    centred = (wide - wide.mean(1, keepdim=True)).to(points.dtype)
    # A zero vector has no direction: its cosine with anything is taken as 0, its distance as 1.
    half = centred.square().sum(-1) / 2 + (norm[..., 0] == 0) / 2
    unit = torch.where(largest.isfinite(), torch.ones_like(largest), largest)
    return Scoring(centred, -half, half, unit, factor=1.0, least=0.0)


def prepare_half(features: Tensor, metric: str) -> Scoring:
    """Bring half-precision features to the common form of all metrics without rounding them.

    Matrix units multiply half precision several times faster than float32 and lose nothing: a
    product of two bfloat16 or two float16 numbers fits into float32, in which they are added up.
    Centring or normalising the points would round them, so points are moved only where that is
    exact; scores agree with the float32 search to float32 rounding.

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
    points, unit = _scale_half(features)
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


def _scale_half(features: Tensor) -> tuple[Tensor, Tensor]:
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
