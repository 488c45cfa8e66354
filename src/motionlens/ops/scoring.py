"""One scoring rule for every metric: what a search ranks, and how a score becomes a distance.

Each metric is brought to the same form, so that a search needs only one kernel:

    score[i, j] = points[i] . points[j] + bias[j]              larger is nearer
    distance[i, j] = factor * unit^2 * (base[i] - score[i, j])

Letters: B clips, N positions of a clip (T*S), C channels.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

Metric = Literal["l2", "dot", "cosine"]
METRICS: tuple[str, ...] = get_args(Metric)

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
