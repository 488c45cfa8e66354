"""The ResNets that networks are built on, and the clips that they are made for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipDefaults:
    """Clips that a network is made for; others work too.

    Attributes:
        num_frames: frames of a clip.
        frame_stride: step between them.
        size: rows and columns, pixels.
        flow_frames: frames of optical flow that lead to each frame and are stacked behind its
            colours; fixed by the network.
    """

    num_frames: int
    frame_stride: int
    size: int
    flow_frames: int = 0

    @property
    def seconds(self) -> float:
        """How long a clip is: what those frames last at 30 frames per second."""
        return self.num_frames * self.frame_stride / 30

    @property
    def channels(self) -> int:
        """Channels of a clip: three colours, and two for each flow frame."""
        return 3 + 2 * self.flow_frames


_LARGE_CLIP = ClipDefaults(num_frames=8, frame_stride=4, size=224)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backbone:
    """A ResNet, and where CP modules sit in it by default.

    Attributes:
        block: ``"basic"`` or ``"bottleneck"``.
        depths: blocks of res2..res5.
        modules: stage to number of CP modules, counted from the stage's end.
        k: proposals per position.
        halved: stages whose CP modules search at half resolution.
        widths: channels of res2..res5, before a bottleneck's expansion.
        stem: ``"imagenet"``: 7x7 convolution and max-pool; ``"small"``: 3x3 convolution,
            for small pictures.
        dropout: before the linear layer, 0 to 1.
        clip: clips that it is made for.
    """

    block: Literal["basic", "bottleneck"]
    depths: tuple[int, int, int, int]
    modules: Mapping[str, int]
    k: int = 8
    halved: tuple[str, ...] = ("res3",)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    stem: Literal["imagenet", "small"] = "imagenet"
    dropout: float = 0.5
    clip: ClipDefaults = _LARGE_CLIP


BACKBONES = {
    "resnet18": Backbone(block="basic", depths=(2, 2, 2, 2), modules={"res3": 2, "res4": 2}),
    "resnet34": Backbone(block="basic", depths=(3, 4, 6, 3), modules={"res3": 2, "res4": 3}),
    "resnet50": Backbone(
        block="bottleneck", depths=(3, 4, 6, 3), modules={"res3": 2, "res4": 3}, k=4
    ),
    "resnet101": Backbone(
        block="bottleneck", depths=(3, 4, 23, 3), modules={"res3": 2, "res4": 3}, k=4
    ),
    # For CPUs: a stem without pooling, so that 64-pixel clips give modules 16x16 and 8x8 grids.
    "nano": Backbone(
        block="basic",
        depths=(1, 1, 1, 1),
        modules={"res3": 1, "res4": 1},
        k=4,
        halved=(),
        widths=(16, 32, 64, 128),
        stem="small",
        dropout=0.2,
        clip=ClipDefaults(num_frames=8, frame_stride=3, size=64),
    ),
}
