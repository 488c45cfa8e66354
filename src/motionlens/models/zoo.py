"""CPNet, and the plain networks that it is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from motionlens.models.backbones import BACKBONES, Backbone, plain
from motionlens.models.conventions import find_conventions
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.registry import Builder, register_model
from motionlens.models.resnet import STAGES, VideoResNet, last_blocks
from motionlens.ops.scoring import Metric


def _cpnet(backbone: Backbone) -> Builder:
    """Builder of a backbone with CP modules.

    Its options besides the backbone's own: `modules`, stage to number (``{"res4": 2}``, from the
    stage's end) or a list of block names; `halved`, the stages whose modules search at half
    resolution; `mlp_widths` and the others as for :class:`CorrespondenceProposal`.
    """
    build_plain = plain(backbone)

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
        model: VideoResNet = build_plain(
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


for _name, _backbone in BACKBONES.items():
    register_model(f"cpnet_{_name}", _cpnet(_backbone), _backbone.clip)
    register_model(f"c2d_{_name}", plain(_backbone), _backbone.clip)
for _name in ("nano", "resnet18", "resnet34"):
    register_model(f"c3d_{_name}", plain(BACKBONES[_name], "c3d"), BACKBONES[_name].clip)
