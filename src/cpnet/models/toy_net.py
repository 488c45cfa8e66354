"""The smallest networks that can be compared: two 3x3 convolutions and a system's core module.

Poster: "Toy Example: A Failing of several previous methods" allows each system two 3x3
convolution layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cpnet.models.conventions import CONVENTIONS, Form, LayerFactory


class ToyNet(nn.Module):
    """Two convolutions with batch norm and ReLU, a core module or none, pooling, one linear layer.

    Args:
        num_classes: logits.
        core: maps clips ``(B, widths[1], T, H, W)`` to the same shape; None for no module.
        form: ``"c2d"`` or ``"c3d"`` convolutions.
        strides: of the two convolutions, in space.
        widths: their channels.
        head: how positions and frames are pooled: ``"max"`` or ``"avg"``.
        margin: pixels of black put around every frame, so that nothing is near a border.

    Shapes:
        Clips float ``(B, 3, T, H, W)``; logits ``(B, num_classes)``.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        core: nn.Module | None = None,
        form: Form = "c2d",
        strides: Sequence[int] = (2, 1),
        widths: Sequence[int] = (16, 32),
        head: Literal["max", "avg"] = "max",
        margin: int = 0,
    ) -> None:
        super().__init__()
        if len(strides) != 2 or len(widths) != 2:
            raise ValueError(
                f"strides and widths must name 2 layers, got {tuple(strides)}, {tuple(widths)}"
            )
        if head not in ("max", "avg"):
            raise ValueError(f"head must be 'max' or 'avg', got {head!r}")
        make = LayerFactory(form, CONVENTIONS["torchvision"])
        self.form, self.head, self.margin = form, head, margin
        self.conv1, self.bn1 = make.conv(3, widths[0], 3, strides[0]), make.norm(widths[0])
        self.conv2, self.bn2 = make.conv(widths[0], widths[1], 3, strides[1]), make.norm(widths[1])
        self.core = core
        self.num_features = widths[1]
        self.fc = nn.Linear(widths[1], num_classes)

    def forward(self, clip: Tensor) -> Tensor:
        """Logits ``(B, num_classes)`` of clips ``(B, 3, T, H, W)``."""
        return self.forward_head(self.forward_features(clip))

    def forward_features(self, clip: Tensor) -> Tensor:
        """The pooled embedding ``(B, num_features)``."""
        T = clip.shape[2]
        x = _black_margin(clip, self.margin) if self.margin else clip
        # Weights may be of half precision where clips are not.
        x = x.to(self.conv1.weight.dtype)  # type: ignore[arg-type]
        if self.form == "c2d":
            x = x.transpose(1, 2).flatten(0, 1)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        if self.form == "c2d":
            x = x.view(-1, T, *x.shape[1:]).transpose(1, 2)
        if self.core is not None:
            x = self.core(x)
        return x.amax((2, 3, 4)) if self.head == "max" else x.mean((2, 3, 4))

    def forward_head(self, features: Tensor) -> Tensor:
        """Logits ``(B, num_classes)`` of pooled embeddings ``(B, num_features)``."""
        return self.fc(features)  # type: ignore[no-any-return]


def _black_margin(clip: Tensor, margin: int) -> Tensor:
    """Put black around every frame: the least value of the clips, whatever their normalisation.

    By a mask, not by the padding's own value, which has to be a number: a traced graph has none.
    """
    margins = [margin] * 4
    inside = F.pad(torch.ones_like(clip[:1, :1, :1]), margins) > 0
    return torch.where(inside, F.pad(clip, margins), clip.min())
