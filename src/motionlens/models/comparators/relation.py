"""The multi-scale relation head of TRN: ordered subsets of a clip's frames, an MLP for each size.

Zhou, Andonian, Oliva, Torralba: "Temporal Relational Reasoning in Videos", ECCV 2018, section 3.
"""

from math import comb

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_at_least
from motionlens.models.family import Family


class MultiScaleRelation(nn.Module):
    """Features of frames -> features of how 2, 3, 4 ... of them follow each other.

    Frames are reduced to `hidden` features. For each scale s, subsets of s frames in their order
    are concatenated and go through the scale's own layer; the subsets' mean is taken, and all
    scales are concatenated. A linear layer behind it is the published sum over scales of one
    linear layer each.

    In training the subsets are drawn from torch's own generator, as dropout is, so that a seed
    decides them. In inference they are always the same, spread evenly over all there are.

    Args:
        channels: C of the frames' features.
        scales: frames of the largest subset, at least 2.
        hidden: features of a reduced frame, and of each scale.
        subsets: of each scale that are looked at, at most.

    Shapes:
        ``(B, T, C)`` in, of any T: a clip with fewer frames than a scale repeats them;
        ``(B, hidden * (scales - 1))`` out.
    """

    def __init__(
        self, channels: int, *, scales: int = 8, hidden: int = 256, subsets: int = 3
    ) -> None:
        super().__init__()
        check_at_least(2, scales=scales)
        check_at_least(1, hidden=hidden, subsets=subsets)
        self.scales, self.subsets = scales, subsets
        self.reduce = nn.Linear(channels, hidden)
        self.relations = nn.ModuleList(
            nn.Linear(scale * hidden, hidden) for scale in range(2, scales + 1)
        )
        self.num_features = hidden * (scales - 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, T, C)`` to ``(B, num_features)``."""
        frames = F.relu(self.reduce(features))
        T = frames.shape[1]
        found = []
        for scale, relation in zip(range(2, self.scales + 1), self.relations, strict=True):
            draw = self.training and T > scale
            rows = drawn(T, scale, self.subsets) if draw else spread(T, scale, self.subsets)
            chosen = frames[:, rows.to(frames.device)].flatten(2)
            found.append(F.relu(relation(chosen)).mean(1))
        return torch.cat(found, dim=1)

    def extra_repr(self) -> str:
        """What ``repr`` shows between the brackets."""
        return f"2 to {self.scales} frames, {self.subsets} subsets each"


def drawn(num_frames: int, scale: int, number: int) -> Tensor:
    """Ordered subsets of frames at random, from torch's generator: int64 ``(number, scale)``."""
    order = torch.rand(number, num_frames).argsort(1)
    return order[:, :scale].sort(1).values


def spread(num_frames: int, scale: int, number: int) -> Tensor:
    """Ordered subsets of frames, evenly spread over all in the order of a dictionary.

    Args:
        num_frames: of the clip; with fewer than `scale` of them they are repeated.
        scale: frames of a subset.
        number: of subsets, at most.

    Returns:
        int64 ``(n, scale)``.

    Example:
        Of the 6 pairs of 4 frames 01, 02, 03, 12, 13, 23 those in the middle of each third:

        >>> spread(4, 2, 3).tolist()
        [[0, 2], [1, 2], [2, 3]]
    """
    if num_frames <= scale:
        return torch.tensor([[i * num_frames // scale for i in range(scale)]])
    total = comb(num_frames, scale)
    number = min(number, total)
    ranks = [(2 * i + 1) * total // (2 * number) for i in range(number)]
    return torch.tensor([_subset(num_frames, scale, rank) for rank in ranks])


def _subset(num_frames: int, scale: int, rank: int) -> list[int]:
    """The subset with that place in the order of a dictionary."""
    chosen: list[int] = []
    frame = 0
    while len(chosen) < scale:
        with_frame = comb(num_frames - frame - 1, scale - len(chosen) - 1)
        if rank < with_frame:
            chosen.append(frame)
        else:
            rank -= with_frame
        frame += 1
    return chosen


TRN = Family(
    name="trn",
    label="TRN",
    summary="relations of frames",
    paper="Zhou et al., Temporal Relational Reasoning in Videos, ECCV 2018",
    consensus=MultiScaleRelation,
    options=lambda backbone: {"scales": 8, "hidden": min(256, backbone.widths[-1]), "subsets": 3},
    toy={"scales": 4, "hidden": 32, "subsets": 3},
)
