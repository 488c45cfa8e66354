"""The motion block of MFNet: a frame's features against those of the next one, moved a little.

Lee, Lee, Son, Park, Kwak: "Motion Feature Network: Fixed Motion Filter for Action Recognition",
ECCV 2018, section 3; the form that concatenates ("MFNet-C").
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_number
from motionlens.models.family import Family
from motionlens.models.resnet import STAGES

# Rows and columns by which the next frame is moved: not at all, and one cell each way.
SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))


def motion_differences(x: Tensor) -> Tensor:
    """What the next frame, moved by each of :data:`SHIFTS`, has more than a frame.

    Args:
        x: ``(B, C, T, H, W)``, any float dtype.

    Returns:
        ``(B, 5 C, T, H, W)``, one shift after the other; beyond a border lie zeros, and the last
        frame, which has no next one, is compared with itself.
    """
    H, W = x.shape[3:]
    after = torch.cat([x[:, :, 1:], x[:, :, -1:]], dim=2)
    padded = F.pad(after, (1, 1, 1, 1))
    moved = [padded[..., 1 - r : 1 - r + H, 1 - c : 1 - c + W] for r, c in SHIFTS]
    return torch.cat([other - x for other in moved], dim=1)


class MotionFilter(nn.Module):
    """Features and their fixed motion differences, put together: ``x + branch(x)``.

    The branch reduces the channels, takes :func:`motion_differences`, brings them back to C
    channels, and merges them with the features themselves. Its last norm's scale starts at zero,
    so that a fresh block is the identity.

    Args:
        channels: C of the clips.
        reduction: differences are taken of ``C // reduction`` channels, at least 1 of them.

    Shapes:
        Clips ``(B, C, T, H, W)`` in and out.
    """

    socket = "after_block"

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        check_number(f"reduction of {channels} channels", reduction, least=1, most=channels)
        inner = channels // reduction
        self.reduce = _conv_norm(channels, inner)
        self.expand = _conv_norm(len(SHIFTS) * inner, channels)
        self.merge = _conv_norm(2 * channels, channels)
        nn.init.zeros_(self.merge[1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Map clips ``(B, C, T, H, W)`` to the same shape; the identity until trained."""
        motion = F.relu(self.expand(motion_differences(F.relu(self.reduce(x)))))
        return x + self.merge(torch.cat([x, motion], dim=1))  # type: ignore[no-any-return]


def _conv_norm(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(inputs, outputs, 1, bias=False), nn.BatchNorm3d(outputs))


MFNET = Family(
    name="mfnet",
    label="MFNet",
    summary="motion filter",
    paper="Lee et al., Motion Feature Network, ECCV 2018",
    plugin=MotionFilter,
    # A block at the end of every stage. A sixteenth of the channels is published, for networks
    # that begin with 64.
    options=lambda backbone: {
        "modules": dict.fromkeys(STAGES, 1),
        "reduction": max(1, backbone.widths[0] // 4),
    },
    toy={"reduction": 4},
)
