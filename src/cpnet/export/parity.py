"""How far an exported network is from the one that it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

# Of the norm of a clip's logits or features. Rounding was measured at 1e-7 to 1e-6 of it, and one
# position's near tie that rounding decides otherwise at up to 1e-4, many of them in flat pictures
# at 2e-3; a wrong axis or weight gives 1e-2 and more.
TOLERANCE = 1e-3

Outputs = tuple[Tensor, Tensor]
"""Logits ``(B, num_classes)`` and features ``(B, D)``."""


class NamedClips(NamedTuple):
    """Clips to compare on.

    Attributes:
        name: for the table.
        clips: float ``(B, 3, T, H, W)``.
        dither: noise that is added to every value is at most that far from zero. In real clips
            positions are often exactly alike (black bars, a still ground); which of them are
            nearest is left open, and two right searches may differ. A trace of noise gives every
            search one right answer.
    """

    name: str
    clips: Tensor
    dither: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipParity:
    """The comparison on one batch of clips.

    Attributes:
        name: what clips they are.
        shape: of the clips.
        largest: largest difference of a logit.
        relative: largest distance of a clip's logits, or of its features, relative to their norm.
        undithered: the same on the clips as they are, ties and all, where they were dithered; for
            information.
    """

    name: str
    shape: tuple[int, ...]
    largest: float
    relative: float
    undithered: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """The comparison on all clips.

    Attributes:
        rows: one a batch of clips.
        tolerance: what `relative` may be.
    """

    rows: tuple[ClipParity, ...]
    tolerance: float

    @property
    def failed(self) -> tuple[ClipParity, ...]:
        """Rows beyond the tolerance; a difference that is not finite is."""
        return tuple(row for row in self.rows if not row.relative <= self.tolerance)


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
    original: Callable[[Tensor], Outputs],
    batches: Iterable[NamedClips],
    *,
    tolerance: float = TOLERANCE,
) -> Parity:
    """Compare an exported network with its original.

    Args:
        exported: from clips to logits and features.
        original: likewise.
        batches: the clips.
        tolerance: see :class:`Parity`.
    """
    chance = torch.Generator().manual_seed(0)
    rows = []
    for name, clips, dither in batches:
        noise = (2 * torch.rand(clips.shape, generator=chance) - 1) * dither
        wanted, found = original(clips + noise), exported(clips + noise)
        rows.append(
            ClipParity(
                name=name,
                shape=tuple(clips.shape),
                largest=(found[0] - wanted[0]).abs().max().item(),
                relative=_relative(found, wanted),
                undithered=_relative(exported(clips), original(clips)) if dither else None,
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


def _relative(found: Outputs, wanted: Outputs) -> float:
    """Largest distance of a row, relative to the row's norm."""
    worst = 0.0
    for one, other in zip(found, wanted, strict=True):
        norm = torch.linalg.vector_norm(other, dim=1).clamp_min(torch.finfo(other.dtype).tiny)
        distance = torch.linalg.vector_norm(one - other, dim=1) / norm
        worst = max(worst, distance.max().nan_to_num(torch.inf).item())
    return worst
