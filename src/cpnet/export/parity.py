"""How far an exported network is from the one that it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

# Of the norm of a clip's logits or features. Rounding of float32 was measured at 1e-7 to 5e-5 of
# it (other kernels sum in another order, and a near tie of two proposals may fall differently); a
# wrong weight or a wrong axis gives 1e-2 and more.
TOLERANCE = 1e-4

# A clip with exact ties, such as one with repeated frames, has several right answers, which the
# two searches of the network itself give: an exported one may be that many times as far away.
TIE_FACTOR = 3.0

Outputs = tuple[Tensor, Tensor]
"""Logits ``(B, num_classes)`` and features ``(B, D)``."""


class NamedClips(NamedTuple):
    """Clips to compare on.

    Attributes:
        name: for the table.
        clips: float ``(B, 3, T, H, W)``.
    """

    name: str
    clips: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipParity:
    """The comparison on one batch of clips.

    Attributes:
        name: what clips they are.
        shape: of the clips.
        largest: largest difference of a logit.
        relative: largest distance of a clip's logits, or of its features, relative to their norm.
        ties: the same between the network's own two searches: how much is left open by proposals
            at equal distances.
    """

    name: str
    shape: tuple[int, ...]
    largest: float
    relative: float
    ties: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """The comparison on all clips.

    Attributes:
        rows: one a batch of clips.
        tolerance: what `relative` may be on clips without ties; with ties it may be
            ``TIE_FACTOR * ties`` more.
    """

    rows: tuple[ClipParity, ...]
    tolerance: float

    @property
    def failed(self) -> tuple[ClipParity, ...]:
        """Rows beyond the tolerance; a difference that is not finite is."""
        return tuple(
            row for row in self.rows if not row.relative <= self.tolerance + TIE_FACTOR * row.ties
        )


class ParityError(ValueError):
    """An exported network is too far from its original.

    Attributes:
        parity: the comparison.
    """

    def __init__(self, parity: Parity) -> None:
        self.parity = parity
        worst = max(parity.failed, key=lambda row: row.relative)
        super().__init__(
            f"the exported network must agree with the original to {parity.tolerance:g} of the "
            f"outputs' norm, got {worst.relative:.1e} on {worst.name}; nothing was written"
        )


def check_parity(
    exported: Callable[[Tensor], Outputs],
    original: nn.Module,
    reference: nn.Module,
    batches: Iterable[NamedClips],
    *,
    tolerance: float = TOLERANCE,
) -> Parity:
    """Compare an exported network with its original.

    Args:
        exported: from clips to logits and features.
        original: with ``forward_features`` and ``forward_head``, in inference mode, on the CPU.
        reference: the same network with the search that was exported.
        batches: the clips.
        tolerance: see :class:`Parity`.
    """
    rows = []
    for name, clips in batches:
        with torch.no_grad():
            wanted, other, found = (
                run(clips) for run in (_both(original), _both(reference), exported)
            )
        rows.append(
            ClipParity(
                name=name,
                shape=tuple(clips.shape),
                largest=(found[0] - wanted[0]).abs().max().item(),
                relative=_relative(found, wanted),
                ties=_relative(other, wanted),
            )
        )
    return Parity(rows=tuple(rows), tolerance=tolerance)


def random_clips(
    size: int, num_frames: Sequence[int], batch_sizes: Sequence[int] = (1, 3)
) -> Iterator[NamedClips]:
    """Batches of noise, the same each time, of every number of frames and batch size."""
    chance = torch.Generator().manual_seed(0)
    for T in num_frames:
        for B in batch_sizes:
            clips = torch.randn(B, 3, T, size, size, generator=chance)
            yield NamedClips("random", clips)


def _both(model: nn.Module) -> Callable[[Tensor], Outputs]:
    def run(clips: Tensor) -> Outputs:
        features = model.forward_features(clips)  # type: ignore[operator]
        return model.forward_head(features), features  # type: ignore[operator]

    return run


def _relative(found: Outputs, wanted: Outputs) -> float:
    """Largest distance of a row, relative to the row's norm."""
    worst = 0.0
    for one, other in zip(found, wanted, strict=True):
        norm = torch.linalg.vector_norm(other, dim=1).clamp_min(torch.finfo(other.dtype).tiny)
        distance = torch.linalg.vector_norm(one - other, dim=1) / norm
        worst = max(worst, distance.max().nan_to_num(torch.inf).item())
    return worst
