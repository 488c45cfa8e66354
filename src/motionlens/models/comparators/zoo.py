"""The comparators that have names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from motionlens.models.backbones import BACKBONES, Backbone, extended, merged, plain
from motionlens.models.comparators.inflated import InflatedLayers
from motionlens.models.comparators.inputs import change_inputs
from motionlens.models.comparators.motion_filter import MotionFilter
from motionlens.models.comparators.motion_fused import SegmentMLP
from motionlens.models.comparators.non_local import NonLocal
from motionlens.models.comparators.relation import MultiScaleRelation
from motionlens.models.comparators.smart import Arrangement, SmartLayers
from motionlens.models.comparators.something_baseline import SomethingBaseline
from motionlens.models.comparators.temporal_shift import TemporalShift
from motionlens.models.comparators.two_stream import Fusion, TwoStream
from motionlens.models.registry import (
    Builder,
    ClipDefaults,
    create_model,
    model_defaults,
    register_model,
)
from motionlens.models.resnet import STAGES, VideoResNet, last_blocks

SMALL = ("nano", "resnet18", "resnet34")
# The flow frames that lead to a frame: as published with segments of videos, and by MFF.
TWO_STREAM_FLOW, FUSED_FLOW = 5, 3

Modules = Mapping[str, int] | Sequence[str]


def _attach(
    model: VideoResNet, backbone: Backbone, modules: Modules, make: Callable[[str], nn.Module]
) -> VideoResNet:
    """Put a plug-in into each of the blocks: stage to number from its end, or names."""
    if isinstance(modules, Mapping):
        modules = last_blocks(backbone.depths, modules)
    for name in modules:
        model.attach(name, make(name))
    return model


def _non_local(backbone: Backbone) -> Builder:
    """Blocks where the backbone has CP modules."""

    def extend(model: VideoResNet, *, modules: Modules = backbone.modules) -> VideoResNet:
        return _attach(model, backbone, modules, lambda name: NonLocal(model.block(name).outputs))

    return extended(plain(backbone), extend)


def _temporal_shift(backbone: Backbone) -> Builder:
    """A shift in every block."""
    every = dict(zip(STAGES, backbone.depths, strict=True))

    def extend(model: VideoResNet, *, modules: Modules = every, divisor: int = 8) -> VideoResNet:
        def make(name: str) -> nn.Module:
            return TemporalShift(model.block(name).inputs, divisor=divisor)

        return _attach(model, backbone, modules, make)

    return extended(plain(backbone), extend)


def _motion_filter(backbone: Backbone) -> Builder:
    """A block at the end of every stage."""
    ends = dict.fromkeys(STAGES, 1)
    # A sixteenth of the channels is published, of networks that begin with 64.
    share = max(1, 16 * backbone.widths[0] // 64)

    def extend(
        model: VideoResNet, *, modules: Modules = ends, reduction: int = share
    ) -> VideoResNet:
        def make(name: str) -> nn.Module:
            return MotionFilter(model.block(name).outputs, reduction=reduction)

        return _attach(model, backbone, modules, make)

    return extended(plain(backbone), extend)


def _relation(backbone: Backbone) -> Builder:
    """A relation head in the place of the mean over frames."""

    def extend(
        model: VideoResNet,
        *,
        scales: int = 8,
        hidden: int = min(256, backbone.widths[-1]),
        subsets: int = 3,
    ) -> VideoResNet:
        head = MultiScaleRelation(model.num_features, scales=scales, hidden=hidden, subsets=subsets)
        model.set_consensus(head, head.num_features)
        return model

    return extended(plain(backbone), extend)


def _appearance_and_relation(backbone: Backbone) -> Builder:
    """SMART blocks in a 3D form."""

    def build(*, arrangement: Arrangement = "dense", **options: Any) -> Any:
        layers = partial(SmartLayers, arrangement=arrangement)
        return plain(backbone, "c3d", layers)(**options)

    return merged(build, plain(backbone))


def _motion_fused(backbone: Backbone) -> Builder:
    """Colours and flow in one picture, an MLP over segments."""

    def extend(
        model: VideoResNet,
        *,
        segments: int = 8,
        reduced: int = min(256, backbone.widths[-1]),
        hidden: int = min(512, 2 * backbone.widths[-1]),
    ) -> VideoResNet:
        change_inputs(model, 3 + 2 * FUSED_FLOW)
        head = SegmentMLP(model.num_features, segments=segments, reduced=reduced, hidden=hidden)
        model.set_consensus(head, head.num_features)
        return model

    return extended(plain(backbone), extend)


def _two_stream(backbone: str) -> Builder:
    """Two networks of one kind and backbone.

    Options: `stream`, the kind (``"c2d"``, ``"trn"``, ``"tsm"`` ...); `stream_options`, of either
    network; `fusion`, see :class:`TwoStream`.
    """

    def build(
        *,
        num_classes: int,
        stream: str = "c2d",
        stream_options: Mapping[str, Any] | None = None,
        fusion: Fusion = "logits",
    ) -> TwoStream:
        name = f"{stream}_{backbone}"
        if model_defaults(name).flow_frames:
            raise ValueError(f"stream must be a kind of network that sees colours, got {stream!r}")
        options = stream_options or {}
        streams = [create_model(name, num_classes=num_classes, **options) for _ in range(2)]
        rgb, flow = (stream for stream in streams if isinstance(stream, VideoResNet))
        return TwoStream(rgb, flow, flow_channels=2 * TWO_STREAM_FLOW, fusion=fusion)

    return build


_SOMETHING = ClipDefaults(num_frames=72, frame_stride=1, size=84)

for _name, _backbone in BACKBONES.items():
    register_model(f"nl_c2d_{_name}", _non_local(_backbone), _backbone.clip)
for _name in SMALL:
    _backbone = BACKBONES[_name]
    _clip = _backbone.clip
    register_model(f"i3d_{_name}", plain(_backbone, "c3d", InflatedLayers), _clip)
    register_model(f"artnet_{_name}", _appearance_and_relation(_backbone), _clip)
    register_model(f"trn_{_name}", _relation(_backbone), _clip)
    register_model(f"tsm_{_name}", _temporal_shift(_backbone), _clip)
    register_model(f"mfnet_{_name}", _motion_filter(_backbone), _clip)
    register_model(
        f"two_stream_{_name}", _two_stream(_name), replace(_clip, flow_frames=TWO_STREAM_FLOW)
    )
    register_model(f"mff_{_name}", _motion_fused(_backbone), replace(_clip, flow_frames=FUSED_FLOW))
register_model("something_3d", SomethingBaseline, _SOMETHING)
