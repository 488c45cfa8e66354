"""CP modules inside other networks: what proposals add to 3D convolutions and to shifts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import nn

from motionlens.models.backbones import Backbone
from motionlens.models.comparators.temporal_shift import TSM, TemporalShift
from motionlens.models.cpnet import CPNET
from motionlens.models.family import Family

CPNET_C3D = replace(
    CPNET,
    name="cpnet_c3d",
    label="C3D with CP",
    summary="3x3x3 convolutions and correspondence proposals",
    backbones=("nano", "resnet18", "resnet34"),
    form="c3d",
    toy=None,
)


def _options(backbone: Backbone) -> dict[str, Any]:
    of_all = {"widths": backbone.widths, "stem_stride": 2, "dropout": backbone.dropout}
    divisor = TSM.own_options(backbone)["divisor"]
    own = CPNET.own_options(backbone)
    return {**of_all, "conventions": "torchvision", **own, "divisor": divisor}


def _build(
    create: Callable[..., Any], *, num_classes: int, divisor: int, **options: Any
) -> nn.Module:
    """A CPNet with a shift in every block."""
    network = create("cpnet", num_classes=num_classes, **options)
    for name, block in network.blocks():
        network.attach(name, TemporalShift(block.inputs, divisor=divisor))
    return network  # type: ignore[no-any-return]


CPNET_TSM = Family(
    name="cpnet_tsm",
    label="TSM with CP",
    summary="temporal shift and correspondence proposals",
    paper=f"{TSM.paper}; {CPNET.paper}",
    options=_options,
    build=_build,
)
