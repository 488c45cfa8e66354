"""I3D: a 2D network of which some kernels are made longer in time.

Carreira, Zisserman: "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR
2017; in the form of "Non-local Neural Networks" (CVPR 2018), section 4: one kernel in every second
block, a 1x1 made 3x1x1, and the first convolution 5 frames long.
"""

from __future__ import annotations

from torch import nn

from motionlens.models.conventions import LayerFactory, Place
from motionlens.models.family import Family

_STEM_FRAMES = 5


class InflatedLayers(LayerFactory):
    """Layers of an I3D: those of the form ``"c3d"``, most of them one frame long."""

    def conv(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        place: Place = "",
        block: int = 0,
    ) -> nn.Module:
        """Convolution whose length in time depends on its place.

        The stem is 5 frames long, or fewer if its kernel is smaller. The first convolution of
        every second block, beginning with the network's first, is 3 frames long: 3x1x1 in a
        bottleneck, 3x3x3 in a basic block. All others look at one frame.
        """
        in_time = 3 if place == "first" and block % 2 == 0 else 1
        if place == "stem":
            in_time = min(kernel, _STEM_FRAMES)
        return self.conv_of_length(inputs, outputs, kernel, stride, in_time)


I3D = Family(
    name="i3d",
    label="I3D",
    summary="2D convolutions, some inflated",
    paper="Carreira, Zisserman, Quo Vadis, Action Recognition?, CVPR 2017",
    form="c3d",
    layers=InflatedLayers,
    toy={},
)
