"""I3D: a 2D network of which some kernels are made longer in time.

Carreira, Zisserman: "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR
2017; in the form of "Non-local Neural Networks" (CVPR 2018), section 4: one kernel in every second
block, a 1x1 made 3x1x1, and the first convolution 5 frames long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from motionlens.models.conventions import LayerFactory
from motionlens.models.family import Family

_STEM_FRAMES = 5


@dataclass(frozen=True, slots=True)
class InflatedLayers(LayerFactory):
    """Layers of an I3D: those of the form ``"c3d"``, most of them one frame long.

    Attributes:
        looks_back_and_on: whether the first convolution of the block that these layers are for
            takes 3 frames. Every second block's does, beginning with the network's first.
    """

    looks_back_and_on: bool = False

    def conv(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
        """Convolution of every frame by itself."""
        return self.conv_of_length(inputs, outputs, kernel, stride, 1)

    def stem_conv(self, inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
        """The network's first convolution, 5 frames long, or fewer if its kernel is smaller."""
        return self.conv_of_length(inputs, outputs, kernel, stride, min(kernel, _STEM_FRAMES))

    def first_conv(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
        """A block's first convolution: 3x1x1 in a bottleneck, 3x3x3 in a basic block."""
        in_time = 3 if self.looks_back_and_on else 1
        return self.conv_of_length(inputs, outputs, kernel, stride, in_time)

    def of_block(self, number: int) -> InflatedLayers:
        """The layers of block `number`, counted from 0 through the network."""
        return replace(self, looks_back_and_on=number % 2 == 0)


I3D = Family(
    name="i3d",
    label="I3D",
    summary="2D convolutions, some inflated",
    paper="Carreira, Zisserman, Quo Vadis, Action Recognition?, CVPR 2017",
    form="c3d",
    layers=InflatedLayers,
    toy={},
)
