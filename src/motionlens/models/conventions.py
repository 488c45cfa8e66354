"""How a network's plain layers are built: 2D or 3D kernels, and the small habits of a code base.

Everything in which two implementations of "the same" ResNet differ is in this file.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_choice
from motionlens.models.correspondence import DEFAULT_OFFSET_SCALE

Form = Literal["c2d", "c3d"]
Place = Literal["stem", "first", "second", ""]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conventions:
    """Habits of a code base that change a network's numbers.

    Attributes:
        norm_eps: of every batch norm.
        conv_bias: whether convolutions before a norm have a bias.
        stride_on_first: whether a bottleneck's stride sits on its first 1x1 convolution.
        same_padding: whether a strided layer is padded as TensorFlow's SAME does, by as little as
            possible and the odd cell at the end, instead of by half a kernel on either side.
        fan_in: whether kernels start from a truncated normal distribution scaled by what they
            take in, instead of a normal one scaled by what they give out.
        offset_scale: of CP modules, unless the caller says otherwise.
        initial_scale: likewise.
    """

    norm_eps: float = 1e-5
    conv_bias: bool = False
    stride_on_first: bool = False
    same_padding: bool = False
    fan_in: bool = False
    offset_scale: float = DEFAULT_OFFSET_SCALE
    initial_scale: float = 0.5


CONVENTIONS = {
    "torchvision": Conventions(),
    # The authors' own networks, in TensorFlow.
    "official": Conventions(
        norm_eps=1e-3,
        conv_bias=True,
        stride_on_first=True,
        same_padding=True,
        fan_in=True,
        offset_scale=1.0,
        initial_scale=0.0,
    ),
}


def find_conventions(name: str) -> Conventions:
    """The conventions of that name.

    Raises:
        ValueError: If there are none.
    """
    check_choice("conventions", name, CONVENTIONS)
    return CONVENTIONS[name]


@dataclass(frozen=True)
class LayerFactory:
    """Builds convolutions, norms and pools of one form.

    A network whose stem or blocks are something else in places overrides :meth:`in_time` or
    :meth:`conv_of_length`.

    Attributes:
        form: ``"c2d"`` works on frames ``(B*T, C, H, W)`` with 2D kernels; ``"c3d"`` on clips
            ``(B, C, T, H, W)`` with kernels as long in time as in space. Neither strides in time.
        conventions: see :class:`Conventions`.
    """

    form: Form
    conventions: Conventions

    def conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        place: Place = "",
        block: int = 0,
    ) -> nn.Module:
        """Convolution with odd kernel, padded so that a stride of 1 keeps the size.

        Args:
            inputs: channels in.
            outputs: channels out.
            kernel: rows and columns.
            stride: in space.
            place: the network's ``"stem"``, a block's ``"first"`` or ``"second"`` convolution, or
                ``""`` for any other.
            block: number of that block, counted from 0 through the network.
        """
        in_time = self.in_time(kernel, place, block)
        return self.conv_of_length(inputs, outputs, kernel, stride, in_time, place)

    def in_time(self, kernel: int, place: Place, block: int) -> int:
        """Frames that a convolution looks at, if its form has time."""
        return min(kernel, 3)  # a wide stem does not look at as many frames as pixels

    def conv_of_length(
        self, inputs: int, outputs: int, kernel: int, stride: int, in_time: int, place: Place = ""
    ) -> nn.Module:
        """What stands in a place: a convolution that looks at `in_time` frames, in 3D.

        See :meth:`conv`.
        """
        # With a stride of 1, and for a 1x1 kernel, both ways of padding are the same.
        same = self.conventions.same_padding and stride > 1 and kernel > 1
        padding, bias = 0 if same else kernel // 2, self.conventions.conv_bias
        kind: Any = SameConv2d if same else nn.Conv2d
        size, strides, paddings = [kernel] * 2, [stride] * 2, [padding] * 2
        if self.form == "c3d":
            kind = SameConv3d if same else nn.Conv3d
            size, strides, paddings = [in_time, *size], [1, *strides], [in_time // 2, *paddings]
        conv: nn.Module = kind(inputs, outputs, size, strides, paddings, bias=bias)
        return conv

    def norm(self, channels: int) -> nn.Module:
        """Batch norm over frames or clips."""
        norm = nn.BatchNorm2d if self.form == "c2d" else nn.BatchNorm3d
        return norm(channels, eps=self.conventions.norm_eps)

    def max_pool(self) -> nn.Module:
        """3x3 max-pool with stride 2, in space only."""
        same = self.conventions.same_padding
        if self.form == "c2d":
            return SameMaxPool2d((3, 3), (2, 2)) if same else nn.MaxPool2d(3, 2, 1)
        window, stride = (1, 3, 3), (1, 2, 2)
        return SameMaxPool3d(window, stride) if same else nn.MaxPool3d(window, stride, (0, 1, 1))

    def initialise(self, module: nn.Module) -> None:
        """Initialise a convolution's weights; other modules stay as they are."""
        if not isinstance(module, nn.Conv2d | nn.Conv3d):
            return
        if self.conventions.fan_in:
            std = math.sqrt(2 / module.weight[0].numel())
            nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
        else:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


# Makes the layers of a form, by conventions.
LayerMaker = Callable[[Form, Conventions], LayerFactory]


class _SamePadded(nn.Module):
    """Pads rows and columns as TensorFlow's SAME: for ``ceil(size / stride)`` cells, no more.

    Where an odd number of cells is needed, one more is put after than before. Kernel and stride
    are square, given as tuples.
    """

    kernel_size: Any
    stride: Any
    padding_value = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., H, W)`` to ``(..., ceil(H / stride), ceil(W / stride))``."""
        kernel, stride, padding = self.kernel_size[-1], self.stride[-1], []
        for size in (x.shape[-1], x.shape[-2]):
            needed = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [needed // 2, needed - needed // 2]
        padded = F.pad(x, padding, value=self.padding_value)
        return super().forward(padded)  # type: ignore[no-any-return]


class SameConv2d(_SamePadded, nn.Conv2d):
    """Convolution of frames ``(B, C, H, W)`` with TensorFlow's SAME padding."""


class SameConv3d(_SamePadded, nn.Conv3d):
    """Convolution of clips ``(B, C, T, H, W)`` with SAME padding of rows and columns."""


class SameMaxPool2d(_SamePadded, nn.MaxPool2d):
    """Max-pool of frames with SAME padding, which no maximum ever is."""

    padding_value = -math.inf


class SameMaxPool3d(_SamePadded, nn.MaxPool3d):
    """Max-pool of clips with SAME padding of rows and columns, which no maximum ever is."""

    padding_value = -math.inf
