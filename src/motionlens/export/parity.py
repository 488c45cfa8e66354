"""How far an exported network is from its original."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor

# Relative to the norm of a clip's logits or features. Rounding was measured at 1e-7 to 1e-6; a
# wrong axis or weight gives 1e-2 and more. Near ties that rounding decides lie between, at up to
# 4e-3: the check draws other noise for them, and measures what rounding does to the original.
TOLERANCE = 1e-3
DRAWS = 5
ROUNDING = 1e-6
ROUNDED = 8

Outputs = tuple[Tensor, Tensor]
"""Logits ``(B, num_classes)`` and features ``(B, D)``."""

Network = Callable[[Tensor], Outputs]
"""Takes clips float ``(B, C, T, H, W)``."""


class NamedClips(NamedTuple):
    """Clips to compare on.

    Attributes:
        name: name in the table.
        clips: float ``(B, 3, T, H, W)``.
        dither: largest noise that is added to a value. In real clips positions are often exactly
            alike (black bars, a still background); which of them are nearest is undefined, and two
            correct searches may differ. A little noise leaves one correct answer, unless two
            positions are still so near that rounding decides.
    """

    name: str
    clips: Tensor
    dither: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipParity:
    """The comparison on one batch of clips.

    Attributes:
        name: name of the clips.
        shape: shape of the clips.
        largest: largest difference of a logit.
        relative: largest distance of a clip's logits, or of its features, relative to their norm.
        tolerance: largest `relative` that passes where rounding does less.
        undithered: for dithered clips, `relative` without the noise; for information.
        rounding: `relative` between the original and itself after a change of the clip's values
            by a millionth, if it was measured.
    """

    name: str
    shape: tuple[int, ...]
    largest: float
    relative: float
    tolerance: float
    undithered: float | None = None
    rounding: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the two are as near as the tolerance, or as the original is to itself.

        The factor of 2 allows for one rounding in each network.
        """
        tolerance = self.tolerance
        if self.rounding is not None:
            tolerance = max(tolerance, 2 * self.rounding)
        return isfinite(self.relative) and self.relative <= tolerance


class ParityError(ValueError):
    """An exported network is too far from its original.

    Attributes:
        rows: the comparison, one row per batch of clips.
    """

    def __init__(self, rows: Sequence[ClipParity]) -> None:
        self.rows = rows
        worst = max((row for row in rows if not row.passes), key=lambda row: row.relative)
        super().__init__(
            f"the exported network must agree with the original to {worst.tolerance:g} of the "
            f"outputs' norm, got {worst.relative:.1e} on {worst.name}; nothing was written"
        )


def check_parity(
    exported: Network,
    original: Network,
    batches: Iterable[NamedClips],
    tolerance: float = TOLERANCE,
) -> list[ClipParity]:
    """Compare an exported network with its original, one row per batch of clips.

    Args:
        exported: the exported network.
        original: its original.
        batches: the clips.
        tolerance: largest relative distance that passes where rounding does less.
    """
    chance = torch.Generator().manual_seed(0)

    def noise(clips: Tensor) -> Tensor:
        return 2 * torch.rand(clips.shape, generator=chance) - 1

    def compare(name: str, clips: Tensor) -> ClipParity:
        wanted, found = original(clips), exported(clips)
        is_alike = found[0].shape == wanted[0].shape
        return ClipParity(
            name=name,
            shape=tuple(clips.shape),
            largest=(found[0] - wanted[0]).abs().max().item() if is_alike else torch.inf,
            relative=_relative(found, wanted),
            tolerance=tolerance,
        )

    def compare_dithered(named: NamedClips, undithered: float) -> ClipParity:
        """The first draw of the noise that agrees, or the best of all.

        A fault shows in every draw, a near tie of two neighbours does not. If a clip is so flat
        that every draw has near ties, the original is as far from itself.
        """
        rows = []
        for _ in range(DRAWS):
            clips = named.clips + noise(named.clips) * named.dither
            row = replace(compare(named.name, clips), undithered=undithered)
            if not row.passes:
                wanted = original(clips)
                rounded = (clips * (1 + noise(clips) * ROUNDING) for _ in range(ROUNDED))
                row = replace(row, rounding=max(_relative(original(x), wanted) for x in rounded))
            if row.passes:
                return row
            rows.append(row)
        return min(rows, key=lambda row: row.relative)

    rows = []
    for named in batches:
        row = compare(named.name, named.clips)
        rows.append(compare_dithered(named, row.relative) if named.dither else row)
    return rows


def random_clips(
    size: int, num_frames: Sequence[int], *, channels: int = 3
) -> Iterator[NamedClips]:
    """Batches of noise of 1 and 3 for every number of frames, the same on every call."""
    chance = torch.Generator().manual_seed(0)
    for T in num_frames:
        for B in (1, 3):
            clips = torch.randn(B, channels, T, size, size, generator=chance)
            yield NamedClips("random", clips)


def _relative(found: Outputs, wanted: Outputs) -> float:
    """Largest distance of a row, relative to that row's norm."""
    worst = 0.0
    for one, other in zip(found, wanted, strict=True):
        if one.shape != other.shape:
            return torch.inf
        norm = torch.linalg.vector_norm(other, dim=1).clamp_min(torch.finfo(other.dtype).tiny)
        distance = torch.linalg.vector_norm(one - other, dim=1) / norm
        worst = max(worst, distance.max().nan_to_num(torch.inf).item())
    return worst
