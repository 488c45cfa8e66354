"""The smallest networks that can be compared: two 3x3 convolutions and a system's core module.

Poster: "Toy Example: A Failing of several previous methods" allows each system two 3x3
convolution layers.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_choice
from motionlens.models.blocks import plug
from motionlens.models.conventions import CONVENTIONS, Form, LayerFactory, LayerMaker
from motionlens.models.network import VideoNetwork

# Options of every toy network, with their defaults.
TOY_OPTIONS = {"strides": (2, 1), "widths": (16, 32), "head": "max", "margin": 0}


class ToyNet(VideoNetwork):
    """Two convolutions with batch norm and ReLU, a core module or none, pooling, one linear layer.

    Args:
        num_classes: logits.
        form: ``"c2d"`` or ``"c3d"`` convolutions.
        strides: of the two convolutions, in space.
        widths: their channels.
        head: how positions and frames are pooled: ``"max"`` or ``"avg"``.
        margin: pixels of black put around every frame, so that nothing is near a border.
        layers: builds the layers of a form that differs from both in places.

    Attributes:
        between: maps clips ``(B, widths[0], T, H, W)`` to the same shape, between the two
            convolutions; None until set.
        core: maps clips ``(B, widths[1], T, H, W)`` to the same shape, after them; None until set.

    With a consensus, only positions are pooled.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        form: Form,
        strides: Sequence[int],
        widths: Sequence[int],
        head: Literal["max", "avg"],
        margin: int,
        layers: LayerMaker = LayerFactory,
    ) -> None:
        super().__init__()
        if len(strides) != 2 or len(widths) != 2:
            raise ValueError(
                f"strides and widths must name 2 layers, got {tuple(strides)}, {tuple(widths)}"
            )
        check_choice("head", head, ("max", "avg"))
        make = layers(form, CONVENTIONS["torchvision"])
        self.form, self.head, self.margin = form, head, margin
        self.conv1 = make.conv(3, widths[0], 3, strides[0], "stem")
        self.bn1 = make.norm(widths[0])
        self.conv2 = make.conv(widths[0], widths[1], 3, strides[1], "second")
        self.bn2 = make.norm(widths[1])
        self.between: nn.Module | None = None
        self.core: nn.Module | None = None
        self.consensus = None
        self.dropout = nn.Identity()
        self.widths, self.strides = tuple(widths), tuple(strides)
        self.num_features = widths[1]
        self.fc = nn.Linear(widths[1], num_classes)

    def forward_features(self, clip: Tensor) -> Tensor:
        """The pooled embedding ``(B, num_features)``."""
        T = clip.shape[2]
        x = _black_margin(clip, self.margin) if self.margin else clip
        # Weights may be of half precision where clips are not.
        x = x.to(self.fc.weight.dtype)
        if self.form == "c2d":
            x = x.transpose(1, 2).flatten(0, 1)
        x = F.relu(self.bn1(self.conv1(x)))
        x = plug(self.between, x, T)
        x = F.relu(self.bn2(self.conv2(x)))
        if self.form == "c2d":
            x = x.view(-1, T, *x.shape[1:]).transpose(1, 2)
        x = plug(self.core, x, T)
        axes = (2, 3, 4) if self.consensus is None else (3, 4)
        x = x.amax(axes) if self.head == "max" else x.mean(axes)
        return x if self.consensus is None else self.consensus(x.transpose(1, 2))


def _black_margin(clip: Tensor, margin: int) -> Tensor:
    """Put black around every frame: the least value of the clips, whatever their normalisation.

    By a mask, not by the padding's own value, which has to be a number: a traced graph has none.
    """
    margins = [margin] * 4
    inside = F.pad(torch.ones_like(clip[:1, :1, :1]), margins) > 0
    return torch.where(inside, F.pad(clip, margins), clip.min())
