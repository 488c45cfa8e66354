"""CPNet: a ResNet with CP modules at the ends of stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from motionlens.models.backbones import Backbone
from motionlens.models.blocks import BottleneckBlock
from motionlens.models.conventions import find_conventions
from motionlens.models.correspondence import DEFAULT_OFFSET_SCALE, CorrespondenceProposal
from motionlens.models.family import Family
from motionlens.models.resnet import STAGES, VideoResNet

# In bottleneck blocks a module narrows the features to an eighth of the block's channels.
_NARROWING = 8


def _options(backbone: Backbone) -> dict[str, Any]:
    return {
        "modules": backbone.modules,
        "halved": backbone.halved,
        "k": backbone.k,
        "mlp_widths": None,
        "offset_scale": None,
        "metric": "l2",
        "window": None,
        "causal": False,
        **backbone.options,
    }


def build(
    create: Callable[..., VideoResNet],
    *,
    modules: Mapping[str, int] | Sequence[str],
    halved: Sequence[str],
    mlp_widths: Sequence[int] | None,
    conventions: str,
    num_classes: int,
    widths: Sequence[int],
    stem_stride: int,
    dropout: float,
    **of_module: Any,
) -> VideoResNet:
    """Build a C2D and attach CP modules to it.

    Args:
        create: builds the C2D on the same backbone.
        modules: stage to number of modules from the stage's end, or a list of block names.
        halved: stages whose modules search at half resolution.
        mlp_widths: `widths` of the modules.
        conventions: also decide the modules' norms and biases.
        num_classes: of the C2D, as `widths`, `stem_stride` and `dropout` are.
        widths: of the stages.
        stem_stride: of the stem's convolution.
        dropout: before the linear layer.
        **of_module: the other options of :class:`CorrespondenceProposal`.

    Raises:
        ValueError: For an unknown stage or block.
    """
    if not set(halved) <= set(STAGES):
        raise ValueError(f"halved must name stages among {', '.join(STAGES)}, got {halved}")
    model = create(
        "c2d",
        num_classes=num_classes,
        widths=widths,
        stem_stride=stem_stride,
        dropout=dropout,
        conventions=conventions,
    )
    habits = find_conventions(conventions)
    halved_layers = {STAGES[stage] for stage in halved}
    for name in model.block_names(modules):
        block = model.block(name)
        is_narrowed = isinstance(block, BottleneckBlock)
        module = CorrespondenceProposal(
            block.outputs,
            widths=mlp_widths,
            bottleneck=block.outputs // _NARROWING if is_narrowed else None,
            downsample=2 if name.partition(".")[0] in halved_layers else 1,
            eps=habits.norm_eps,
            conv_bias=habits.conv_bias,
            **of_module,
        )
        model.attach(name, module)
    return model


CPNET = Family(
    name="cpnet",
    label="CPNet",
    summary="correspondence proposals",
    paper="Liu et al., Learning Video Representations from Correspondence Proposals, CVPR 2019",
    backbones=("nano", "resnet18", "resnet34", "resnet50", "resnet101"),
    options=_options,
    build=build,
    plugin=CorrespondenceProposal,
    toy={"k": 4, "offset_scale": DEFAULT_OFFSET_SCALE, "metric": "l2"},
)
