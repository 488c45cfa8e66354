"""MFF: every frame with the optical flow that leads to it, and an MLP over all segments.

Kopuklu, Kose, Rigoll: "Motion Fused Frames: Data Level Fusion Strategy for Hand Gesture
Recognition", CVPR Workshops 2018, section 3; three flow frames and one picture per segment.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_at_least
from motionlens.models.family import Family


class SegmentMLP(nn.Module):
    """Features of frames -> one hidden layer over those of all segments, in their order.

    Args:
        channels: C of the frames' features.
        segments: frames that are looked at, at least 1.
        reduced: features that each is reduced to.
        hidden: features of the hidden layer.

    Shapes:
        ``(B, T, C)`` in, of any T: the frames in the middle of `segments` equal parts are taken,
        which repeats frames of shorter clips; ``(B, hidden)`` out.
    """

    def __init__(
        self, channels: int, *, segments: int = 8, reduced: int = 256, hidden: int = 512
    ) -> None:
        super().__init__()
        check_at_least(1, segments=segments, reduced=reduced, hidden=hidden)
        self.segments = segments
        self.reduce = nn.Linear(channels, reduced)
        self.hidden = nn.Linear(segments * reduced, hidden)
        self.num_features = hidden

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, T, C)`` to ``(B, hidden)``."""
        T, S = features.shape[1], self.segments
        chosen = torch.tensor([(2 * i + 1) * T // (2 * S) for i in range(S)])
        frames = self.reduce(features[:, chosen.to(features.device)])
        return F.relu(self.hidden(F.relu(frames.flatten(1))))


MFF = Family(
    name="mff",
    label="MFF",
    summary="colours and optical flow in one picture",
    paper="Kopuklu et al., Motion Fused Frames, CVPR Workshops 2018",
    flow_frames=3,
    consensus=SegmentMLP,
    options=lambda backbone: {
        "segments": 8,
        "reduced": min(256, backbone.widths[-1]),
        "hidden": min(512, 2 * backbone.widths[-1]),
    },
)
