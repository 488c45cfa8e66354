"""The ResNets that networks are made of, and builders of networks from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from motionlens.models.conventions import Conventions, Form, LayerFactory
from motionlens.models.registry import Builder, ClipDefaults
from motionlens.models.resnet import VideoResNet

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
        stem: see :class:`motionlens.models.resnet.VideoResNet`.
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


def plain(
    backbone: Backbone,
    form: Form = "c2d",
    layers: Callable[[Form, Conventions], LayerFactory] = LayerFactory,
) -> Builder:
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
            layers=layers,
        )

    return build


def extended(builder: Builder, extend: Callable[..., Any]) -> Builder:
    """Builder of a network that another builder makes and `extend` adds something to.

    Args:
        builder: of the network.
        extend: called with the network and, by keyword, with those options that it names.

    Returns:
        A builder whose options are those of both.
    """
    own = list(inspect.signature(extend).parameters.values())[1:]
    names = {parameter.name for parameter in own}

    def build(**options: Any) -> Any:
        of_extend = {name: options.pop(name) for name in names & set(options)}
        return extend(builder(**options), **of_extend)

    both = [*inspect.signature(builder).parameters.values(), *own]
    build.__signature__ = inspect.Signature(both)  # type: ignore[attr-defined]
    return build


def merged(builder: Builder, *others: Builder) -> Builder:
    """A builder that passes options on to others, with their options named beside its own.

    Args:
        builder: has options of its own, and ``**options`` of the others.
        others: whose options those are.
    """
    options = {
        name: parameter
        for each in (*others, builder)
        for name, parameter in inspect.signature(each).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }

    def build(**values: Any) -> Any:
        return builder(**values)

    build.__signature__ = inspect.Signature(list(options.values()))  # type: ignore[attr-defined]
    return build
