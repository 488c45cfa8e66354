"""The temporal shift: channels that come from the frame before or after, and cost nothing.

Lin, Gan, Han: "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019,
sections 3.2 and 3.3.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_number
from motionlens.models.family import Family
from motionlens.models.resnet import STAGES


class TemporalShift(nn.Module):
    """Moves an eighth of the channels one frame back, and another one frame on.

    Has no parameters and stores no clip length. Sits in front of a residual branch, so that the
    shortcut keeps every frame as it is. It is no identity: a network trained without it is
    another one with it.

    Args:
        channels: C of the clips.
        divisor: ``C // divisor`` channels move each way; at least 2.

    Shapes:
        Clips ``(B, C, T, H, W)`` in and out. What moves beyond an end is lost, and zeros come in
        at the other.
    """

    socket = "before_conv1"

    def __init__(self, channels: int, *, divisor: int = 8) -> None:
        super().__init__()
        check_number(f"divisor of {channels} channels", divisor, least=2, most=channels)
        self.part = channels // divisor

    def forward(self, x: Tensor) -> Tensor:
        """Map clips ``(B, C, T, H, W)`` to the same shape."""
        part = self.part
        from_next = F.pad(x[:, :part, 1:], (0, 0, 0, 0, 0, 1))
        from_last = F.pad(x[:, part : 2 * part, :-1], (0, 0, 0, 0, 1, 0))
        return torch.cat([from_next, from_last, x[:, 2 * part :]], dim=1)

    def extra_repr(self) -> str:
        """What ``repr`` shows between the brackets."""
        return f"{self.part} channels each way"


TSM = Family(
    name="tsm",
    label="TSM",
    summary="temporal shift",
    paper="Lin et al., TSM: Temporal Shift Module for Efficient Video Understanding, ICCV 2019",
    plugin=TemporalShift,
    # A shift in every block.
    options=lambda backbone: {
        "modules": dict(zip(STAGES, backbone.depths, strict=True)),
        "divisor": 8,
    },
    toy={"divisor": 8},
)
