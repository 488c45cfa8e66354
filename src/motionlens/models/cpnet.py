"""CPNet: a ResNet with CP modules at the ends of stages."""

from collections.abc import Sequence
from typing import Any

from motionlens.models.backbones import Backbone
from motionlens.models.blocks import BottleneckBlock, ResidualBlock
from motionlens.models.conventions import find_conventions
from motionlens.models.correspondence import DEFAULT_OFFSET_SCALE, CorrespondenceProposal
from motionlens.models.family import Family
from motionlens.models.resnet import STAGES

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
        "initial_scale": None,
    }


def _of_block(
    name: str,
    block: ResidualBlock,
    conventions: str,
    *,
    halved: Sequence[str],
    mlp_widths: Sequence[int] | None,
    **of_module: Any,
) -> dict[str, Any]:
    """Options of the CP module of one block.

    Args:
        name: of the block.
        block: tells the module's width, and whether it is narrowed.
        conventions: also decide the module's norms and biases.
        halved: stages whose modules search at half resolution.
        mlp_widths: `widths` of the module.
        **of_module: options of :class:`CorrespondenceProposal` that are the same in all blocks.

    Raises:
        ValueError: For an unknown stage.
    """
    if not set(halved) <= set(STAGES):
        raise ValueError(f"halved must name stages among {', '.join(STAGES)}, got {halved}")
    habits = find_conventions(conventions)
    narrowed = block.outputs // _NARROWING if isinstance(block, BottleneckBlock) else None
    return {
        "widths": mlp_widths,
        "bottleneck": narrowed,
        "downsample": 2 if name.partition(".")[0] in {STAGES[stage] for stage in halved} else 1,
        "eps": habits.norm_eps,
        "conv_bias": habits.conv_bias,
        **of_module,
    }


CPNET = Family(
    name="cpnet",
    label="CPNet",
    summary="correspondence proposals",
    paper="Liu et al., Learning Video Representations from Correspondence Proposals, CVPR 2019",
    backbones=("nano", "resnet18", "resnet34", "resnet50", "resnet101"),
    options=_options,
    plugin=CorrespondenceProposal,
    of_block=_of_block,
    toy={"k": 4, "offset_scale": DEFAULT_OFFSET_SCALE, "metric": "l2"},
)
