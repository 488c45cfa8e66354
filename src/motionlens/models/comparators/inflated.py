"""I3D: a 2D network of which some kernels are made longer in time.

Carreira, Zisserman: "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR
2017; in the form of "Non-local Neural Networks" (CVPR 2018), section 4: one kernel in every second
block, a 1x1 made 3x1x1, and the first convolution 5 frames long.
"""

from motionlens.models.conventions import LayerFactory, Place
from motionlens.models.family import Family

_STEM_FRAMES = 5


class InflatedLayers(LayerFactory):
    """Layers of an I3D: those of the form ``"c3d"``, most of them one frame long."""

    def in_time(self, kernel: int, place: Place, block: int) -> int:
        """5 frames in the stem, 3 in the first convolution of every second block, else 1.

        A stem with a smaller kernel looks at as many frames as pixels. The blocks begin with the
        network's first; a bottleneck's convolution becomes 3x1x1, a basic block's 3x3x3.
        """
        if place == "stem":
            return min(kernel, _STEM_FRAMES)
        return 3 if place == "first" and block % 2 == 0 else 1


I3D = Family(
    name="i3d",
    label="I3D",
    summary="2D convolutions, some inflated",
    paper="Carreira, Zisserman, Quo Vadis, Action Recognition?, CVPR 2017",
    form="c3d",
    layers=InflatedLayers,
    toy={},
)
