"""The networks that have names: ResNets with and without CP modules, and the toy networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cpnet.models.conventions import Form, find_conventions
from cpnet.models.correspondence import DEFAULT_OFFSET_SCALE, CorrespondenceProposal
from cpnet.models.registry import Builder, ClipDefaults, register_model
from cpnet.models.resnet import STAGES, VideoResNet, last_blocks
from cpnet.models.toy_net import ToyNet
from cpnet.ops.scoring import Metric

_LARGE_CLIP = ClipDefaults(num_frames=8, frame_stride=4, size=224)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backbone:
    """A ResNet, and where CP modules sit in it unless the caller says otherwise.

    Attributes:
        block: ``"basic"`` or ``"bottleneck"``.
        depths: blocks of res2..res5.
        modules: stage to number of modules, counted from the stage's end.
        k: proposals per position.
        divisor: a module's bottleneck has that fraction of the channels; None for no bottleneck.
        halved: stages whose modules search at half resolution.
        widths: channels of res2..res5, before a bottleneck's expansion.
        stem: see :class:`VideoResNet`.
        dropout: before the linear layer.
        clip: clips that it is made for.
    """

    block: Literal["basic", "bottleneck"]
    depths: tuple[int, int, int, int]
    modules: Mapping[str, int]
    k: int = 8
    divisor: int | None = None
    halved: tuple[str, ...] = ("res3",)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    stem: Literal["imagenet", "small"] = "imagenet"
    dropout: float = 0.5
    clip: ClipDefaults = _LARGE_CLIP


BACKBONES = {
    "resnet18": Backbone(block="basic", depths=(2, 2, 2, 2), modules={"res3": 2, "res4": 2}),
    "resnet34": Backbone(block="basic", depths=(3, 4, 6, 3), modules={"res3": 2, "res4": 3}),
    "resnet50": Backbone(
        block="bottleneck", depths=(3, 4, 6, 3), modules={"res3": 2, "res4": 3}, k=4, divisor=8
    ),
    "resnet101": Backbone(
        block="bottleneck", depths=(3, 4, 23, 3), modules={"res3": 2, "res4": 3}, k=4, divisor=8
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


def _plain(backbone: Backbone, form: Form) -> Builder:
    """Builder of a backbone without plug-ins."""

    def build(
        *,
        num_classes: int,
        widths: Sequence[int] = backbone.widths,
        stem_stride: int = 2,
        dropout: float = backbone.dropout,
        conventions: str = "torchvision",
    ) -> VideoResNet:
        return VideoResNet(
            backbone.block,
            backbone.depths,
            num_classes=num_classes,
            widths=widths,
            form=form,
            stem=backbone.stem,
            stem_stride=stem_stride,
            dropout=dropout,
            conventions=conventions,
        )

    return build


def _cpnet(backbone: Backbone) -> Builder:
    """Builder of a backbone with CP modules.

    Its options besides the backbone's own: `modules`, stage to number (``{"res4": 2}``, from the
    stage's end) or a list of block names; `halved`, the stages whose modules search at half
    resolution; `mlp_widths` and the others as for :class:`CorrespondenceProposal`.
    """
    plain = _plain(backbone, "c2d")

    def build(
        *,
        num_classes: int,
        modules: Mapping[str, int] | Sequence[str] = backbone.modules,
        halved: Sequence[str] = backbone.halved,
        k: int = backbone.k,
        mlp_widths: Sequence[int] | None = None,
        offset_scale: float | None = None,
        metric: Metric = "l2",
        window: int | None = None,
        causal: bool = False,
        widths: Sequence[int] = backbone.widths,
        stem_stride: int = 2,
        dropout: float = backbone.dropout,
        conventions: str = "torchvision",
    ) -> VideoResNet:
        model: VideoResNet = plain(
            num_classes=num_classes,
            widths=widths,
            stem_stride=stem_stride,
            dropout=dropout,
            conventions=conventions,
        )
        habits = find_conventions(conventions)
        if offset_scale is None:
            offset_scale = habits.offset_scale
        if not set(halved) <= set(STAGES):
            raise ValueError(f"halved must name stages among {', '.join(STAGES)}, got {halved}")
        if isinstance(modules, Mapping):
            modules = last_blocks(backbone.depths, modules)
        for name in modules:
            channels = model.block(name).outputs
            layer = name.partition(".")[0]
            module = CorrespondenceProposal(
                channels,
                k=k,
                widths=mlp_widths,
                bottleneck=channels // backbone.divisor if backbone.divisor else None,
                downsample=2 if any(STAGES[stage] == layer for stage in halved) else 1,
                offset_scale=offset_scale,
                metric=metric,
                window=window,
                causal=causal,
                eps=habits.norm_eps,
                conv_bias=habits.conv_bias,
            )
            model.attach(name, module)
        return model

    return build


def _toy(form: Form, core: Literal["cp"] | None = None) -> Builder:
    """Builder of a toy network; its options are those of :class:`ToyNet`."""

    def build(
        *,
        num_classes: int,
        strides: Sequence[int] = (2, 1),
        widths: Sequence[int] = (16, 32),
        head: Literal["max", "avg"] = "max",
        margin: int = 0,
    ) -> ToyNet:
        return ToyNet(
            num_classes=num_classes,
            form=form,
            strides=strides,
            widths=widths,
            head=head,
            margin=margin,
        )

    def build_with_module(
        *,
        num_classes: int,
        strides: Sequence[int] = (2, 1),
        widths: Sequence[int] = (16, 32),
        head: Literal["max", "avg"] = "max",
        margin: int = 0,
        k: int = 4,
        offset_scale: float = DEFAULT_OFFSET_SCALE,
        metric: Metric = "l2",
    ) -> ToyNet:
        net = build(
            num_classes=num_classes, strides=strides, widths=widths, head=head, margin=margin
        )
        net.core = CorrespondenceProposal(widths[1], k=k, offset_scale=offset_scale, metric=metric)
        return net

    return build if core is None else build_with_module


_TOY_CLIP = ClipDefaults(num_frames=4, frame_stride=1, size=32)

for _name, _backbone in BACKBONES.items():
    register_model(f"cpnet_{_name}", _cpnet(_backbone), _backbone.clip)
    register_model(f"c2d_{_name}", _plain(_backbone, "c2d"), _backbone.clip)
for _name in ("resnet18", "nano"):
    register_model(f"c3d_{_name}", _plain(BACKBONES[_name], "c3d"), BACKBONES[_name].clip)
register_model("toy_cpnet", _toy("c2d", "cp"), _TOY_CLIP)
register_model("toy_c2d", _toy("c2d"), _TOY_CLIP)
register_model("toy_c3d", _toy("c3d"), _TOY_CLIP)
