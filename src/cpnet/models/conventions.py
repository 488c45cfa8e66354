"""How a network's plain layers are built: 2D or 3D kernels, and the small habits of a code base.

Everything in which two implementations of "the same" ResNet differ is in this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

Form = Literal["c2d", "c3d"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conventions:
    """Habits of a code base that change a network's numbers.

    Attributes:
        norm_eps: of every batch norm.
        conv_bias: whether convolutions before a norm have a bias.
        stride_on_first: whether a bottleneck's stride sits on its first 1x1 convolution.
    """

    norm_eps: float = 1e-5
    conv_bias: bool = False
    stride_on_first: bool = False


CONVENTIONS = {"torchvision": Conventions()}


@dataclass(frozen=True, slots=True)
class LayerFactory:
    """Builds convolutions, norms and pools of one form.

    Attributes:
        form: ``"c2d"`` works on frames ``(B*T, C, H, W)`` with 2D kernels; ``"c3d"`` on clips
            ``(B, C, T, H, W)`` with kernels as long in time as in space. Neither strides in time.
        conventions: see :class:`Conventions`.
    """

    form: Form
    conventions: Conventions

    def conv(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
        """Convolution with odd kernel, padded so that a stride of 1 keeps the size."""
        padding, bias = kernel // 2, self.conventions.conv_bias
        if self.form == "c2d":
            return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias)
        # A wide stem looks at 3 frames, not at as many as pixels.
        in_time = min(kernel, 3)
        return nn.Conv3d(
            inputs,
            outputs,
            (in_time, kernel, kernel),
            (1, stride, stride),
            (in_time // 2, padding, padding),
            bias=bias,
        )

    def norm(self, channels: int) -> nn.Module:
        """Batch norm over frames or clips."""
        norm = nn.BatchNorm2d if self.form == "c2d" else nn.BatchNorm3d
        return norm(channels, eps=self.conventions.norm_eps)

    def max_pool(self) -> nn.Module:
        """3x3 max-pool with stride 2, in space alone."""
        if self.form == "c2d":
            return nn.MaxPool2d(3, 2, 1)
        return nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
