"""Two streams: one network for colours, its twin for optical flow, put together at the end.

Simonyan, Zisserman: "Two-Stream Convolutional Networks for Action Recognition in Videos", NIPS
2014; with five flow frames, as "Temporal Segment Networks" (Wang et al., ECCV 2016) has them.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from motionlens._utils.checks import check_choice
from motionlens.models.family import Family
from motionlens.models.network import VideoNetwork
from motionlens.models.resnet import VideoResNet

Fusion = Literal["logits", "probabilities"]
FLOW_FRAMES = 5


class TwoStream(VideoNetwork):
    """Two networks with the same classes, of which one sees colours and the other optical flow.

    Args:
        create: builds a network of a family on the same backbone.
        num_classes: logits.
        stream: family of both networks: ``"c2d"``, ``"trn"``, ``"tsm"`` ...
        stream_options: options of both.
        fusion: what is averaged: ``"logits"``, or ``"probabilities"``, whose logarithms are then
            the logits.

    Shapes:
        Clips float ``(B, 13, T, H, W)``, colours first, then five frames of flow; logits
        ``(B, num_classes)``.

    Raises:
        ValueError: On construction, for another fusion, or if networks of that family take
            optical flow themselves.
    """

    def __init__(
        self,
        create: Callable[..., VideoResNet],
        *,
        num_classes: int,
        stream: str,
        stream_options: Mapping[str, Any] | None,
        fusion: Fusion,
    ) -> None:
        super().__init__()
        check_choice("fusion", fusion, get_args(Fusion))
        options = {**(stream_options or {}), "num_classes": num_classes}
        self.rgb, self.flow = create(stream, **options), create(stream, **options)
        if self.rgb.inputs != 3:
            raise ValueError(
                f"stream must be a family of networks that see colours, got {stream!r}"
            )
        self.flow.change_inputs(2 * FLOW_FRAMES)
        self.fusion = fusion
        self.inputs = self.rgb.inputs + self.flow.inputs
        self.num_features = self.rgb.num_features + self.flow.num_features

    def forward_features(self, clip: Tensor) -> Tensor:
        """Both embeddings one behind the other, ``(B, num_features)``."""
        self.check(clip)
        colours, flow = clip[:, : self.rgb.inputs], clip[:, self.rgb.inputs :]
        streams = [self.rgb.forward_features(colours), self.flow.forward_features(flow)]
        return torch.cat(streams, dim=1)

    def forward_head(self, features: Tensor) -> Tensor:
        """Logits ``(B, num_classes)`` of both embeddings ``(B, num_features)``."""
        rgb = self.rgb.forward_head(features[:, : self.rgb.num_features])
        flow = self.flow.forward_head(features[:, self.rgb.num_features :])
        if self.fusion == "logits":
            return (rgb + flow) / 2
        return torch.logaddexp(rgb.log_softmax(1), flow.log_softmax(1)) - math.log(2)


TWO_STREAM = Family(
    name="two_stream",
    label="Two-stream",
    summary="one network for colours, one for optical flow",
    paper="Simonyan, Zisserman, Two-Stream Convolutional Networks, NIPS 2014",
    flow_frames=FLOW_FRAMES,
    options={"stream": "c2d", "stream_options": None, "fusion": "logits"},
    build=TwoStream,
)
