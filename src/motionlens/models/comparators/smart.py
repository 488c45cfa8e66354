"""The SMART block of ARTNet: appearance by 2D kernels, relation by squares of 3D ones.

Wang, Li, Li, Van Gool: "Appearance-and-Relation Networks for Video Classification", CVPR 2018,
section 3 and the network that the authors published with it.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from motionlens._utils.checks import check_choice
from motionlens.models.conventions import LayerFactory, Place
from motionlens.models.family import Family

Arrangement = Literal["single", "dense"]
POOLING_WEIGHT = 0.5


class SmartConv(nn.Module):
    """A SMART block in the place of one convolution; a norm and a ReLU follow it as any other.

    Two branches: appearance, 1xkxk and norm; relation, kxkxk and norm, squared, pairs of channels
    summed with weight 0.5, and norm. Both concatenated, ReLU, and 1x1x1 to the outputs.

    Args:
        make: builds the layers.
        inputs: channels in.
        outputs: channels out, an even number.
        kernel: rows and columns; one wider than 3 is 3 frames long.
        stride: in space.

    Shapes:
        Clips ``(B, C, T, H, W)`` in; ``(B, outputs, T, H / stride, W / stride)`` out.
    """

    # What motionlens.models.optimize folds the norm behind this block into.
    last_conv = "reduce"

    def __init__(
        self, make: LayerFactory, inputs: int, outputs: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        if outputs % 2:
            raise ValueError(f"outputs must be even, their channels are paired, got {outputs}")
        one_frame = make.conv_of_length(inputs, outputs, kernel, stride, 1)
        self.appearance = nn.Sequential(one_frame, make.norm(outputs))
        several = make.conv(inputs, outputs, kernel, stride)
        self.relation = nn.Sequential(several, make.norm(outputs))
        self.pooling = PairPooling(outputs, make.norm(outputs // 2))
        self.reduce = make.conv(outputs + outputs // 2, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map clips ``(B, C, T, H, W)`` to ``(B, outputs, T, H', W')``."""
        relation = self.pooling(self.relation(x).square())
        both = torch.cat([self.appearance(x), relation], dim=1)
        return self.reduce(F.relu(both))  # type: ignore[no-any-return]


class PairPooling(nn.Module):
    """Half the sum of channels 2i and 2i + 1, and a norm.

    Args:
        channels: in, an even number.
        norm: of half as many.
    """

    def __init__(self, channels: int, norm: nn.Module) -> None:
        super().__init__()
        self.channels = channels
        self.norm: nn.Module | None = norm
        self.folded: nn.Module | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T, H, W)`` to ``(B, C / 2, T, H, W)``."""
        if self.folded is not None:
            return self.folded(x)  # type: ignore[no-any-return]
        assert self.norm is not None
        return self.norm(POOLING_WEIGHT * (x[:, 0::2] + x[:, 1::2]))  # type: ignore[no-any-return]

    def fold(self) -> None:
        """Become one convolution, for good, which is what inference needs."""
        assert isinstance(self.norm, _BatchNorm)
        half = self.channels // 2
        pooling = nn.Conv3d(self.channels, half, 1, groups=half, bias=False).to(self.norm.weight)
        nn.init.constant_(pooling.weight, POOLING_WEIGHT)
        self.folded = fuse_conv_bn_eval(pooling.eval(), self.norm).requires_grad_(False)
        self.norm = None


@dataclass(frozen=True)
class SmartLayers(LayerFactory):
    """Layers of an ARTNet: those of the form ``"c3d"``, with SMART blocks among them.

    Attributes:
        arrangement: ``"single"``: only the network's first convolution is a SMART block;
            ``"dense"``: every block's second one too.

    Raises:
        ValueError: On construction, for another arrangement.
    """

    arrangement: Arrangement = "dense"

    def __post_init__(self) -> None:
        check_choice("arrangement", self.arrangement, get_args(Arrangement))

    def conv_of_length(
        self, inputs: int, outputs: int, kernel: int, stride: int, in_time: int, place: Place = ""
    ) -> nn.Module:
        """A SMART block where the arrangement has one, else a convolution."""
        if place == "stem" or (place == "second" and self.arrangement == "dense"):
            return SmartConv(self, inputs, outputs, kernel, stride)
        return super().conv_of_length(inputs, outputs, kernel, stride, in_time)


ARTNET = Family(
    name="artnet",
    label="ARTNet",
    summary="SMART blocks",
    paper="Wang et al., Appearance-and-Relation Networks for Video Classification, CVPR 2018",
    form="c3d",
    layers=SmartLayers,
    options={"arrangement": "dense"},
    toy={"arrangement": "dense"},
)
