"""Names of networks and what they stand for: ``create_model("cpnet_resnet34", num_classes=27)``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from typing import Any

from torch import nn

from motionlens._utils.checks import check_at_least
from motionlens._utils.errors import nearest
from motionlens.models.backbones import BACKBONES, ClipDefaults
from motionlens.models.comparators.combined import CPNET_C3D, CPNET_TSM
from motionlens.models.comparators.inflated import I3D
from motionlens.models.comparators.motion_filter import MFNET
from motionlens.models.comparators.motion_fused import MFF
from motionlens.models.comparators.non_local import NON_LOCAL_C2D
from motionlens.models.comparators.plain import C2D, C3D
from motionlens.models.comparators.relation import TRN
from motionlens.models.comparators.smart import ARTNET
from motionlens.models.comparators.something_baseline import SOMETHING_3D
from motionlens.models.comparators.temporal_shift import TSM
from motionlens.models.comparators.two_stream import TWO_STREAM
from motionlens.models.conventions import find_conventions
from motionlens.models.cpnet import CPNET
from motionlens.models.family import Family
from motionlens.models.toy_net import TOY_OPTIONS

# In the order of tables.
COMPARATORS = (C2D, C3D, I3D, NON_LOCAL_C2D, ARTNET, TRN, TSM, MFNET, TWO_STREAM, MFF, SOMETHING_3D)
FAMILIES = (*COMPARATORS, CPNET, CPNET_C3D, CPNET_TSM)
_TOY_CLIP = ClipDefaults(num_frames=4, frame_stride=1, size=32)


@dataclass(frozen=True, slots=True)
class Network:
    """A network with a name: what it is, its clips, all options with defaults, its builder."""

    family: Family
    clip: ClipDefaults
    options: Mapping[str, Any]
    build: Callable[..., nn.Module]


def create_model(name: str, *, num_classes: int, **overrides: Any) -> nn.Module:
    """Build a network with fresh weights.

    Args:
        name: one of :func:`list_models`.
        num_classes: logits, at least 1.
        **overrides: options of the network, such as ``k=4``, ``modules={"res4": 2}``,
            ``dropout=0.2``; :func:`model_options` returns all of them with their defaults.

    Returns:
        A module from clips float ``(B, 3, T, H, W)`` to logits ``(B, num_classes)``, with
        ``forward_features`` for the pooled embedding. Where optical flow goes with the colours,
        clips have ``model_defaults(name).channels`` channels.

    Raises:
        ValueError: For an unknown name or option (the nearest is suggested), or a value that is
            out of the network's range.

    Example:
        >>> import torch
        >>> model = create_model("cpnet_nano", num_classes=7)
        >>> model(torch.randn(2, 3, 8, 64, 64)).shape
        torch.Size([2, 7])
    """
    check_at_least(1, num_classes=num_classes)
    return _find(name).build(num_classes=num_classes, **model_options(name, **overrides))


def model_options(name: str, **overrides: Any) -> dict[str, Any]:
    """All options of a network: the overrides, and the defaults of the others.

    A checkpoint stores them, so that it keeps its meaning when a default changes.

    Raises:
        ValueError: For an unknown name or option; the nearest is suggested.
    """
    defaults = _find(name).options
    for option in overrides:
        if option not in defaults:
            raise ValueError(
                f"{name} has no option {option!r}{nearest(option, defaults)}; "
                f"its options are {', '.join(defaults)}"
            )
    options = {**defaults, **overrides}
    for name in ("offset_scale", "initial_scale"):
        if name in options and options[name] is None:
            options[name] = getattr(find_conventions(options["conventions"]), name)
    return options


def list_models(pattern: str = "*") -> list[str]:
    """Names of all networks that match a shell pattern, sorted."""
    return sorted(name for name in _NETWORKS if fnmatch(name, pattern))


def model_defaults(name: str) -> ClipDefaults:
    """Clips that a network is made for.

    Raises:
        ValueError: For an unknown name; the nearest is suggested.
    """
    return _find(name).clip


def model_family(name: str) -> Family:
    """The family of a network: its label, summary and publication.

    Raises:
        ValueError: For an unknown name; the nearest is suggested.
    """
    return _find(name).family


def _find(name: str) -> Network:
    if name not in _NETWORKS:
        raise ValueError(
            f"unknown model {name!r}{nearest(name, list_models())}; "
            "'motionlens info' lists all models"
        )
    return _NETWORKS[name]


def networks_of(families: Sequence[Family]) -> dict[str, Network]:
    """The networks of families by name.

    Raises:
        ValueError: If a name occurs twice.
    """
    found: dict[str, Network] = {}
    for family in families:
        for name, network in _members(family):
            if name in found:
                raise ValueError(f"model name {name!r} is taken; choose another")
            found[name] = network
    return found


def _members(family: Family) -> Iterator[tuple[str, Network]]:
    for on in family.backbones:
        backbone = BACKBONES[on]
        clip = replace(backbone.clip, flow_frames=family.flow_frames)
        options, build = family.own_options(backbone), partial(family.on, backbone)
        if family.build is not None:
            build = partial(family.build, partial(_create_on, on))
        else:
            of_all = {"widths": backbone.widths, "stem_stride": 2, "dropout": backbone.dropout}
            options = {**of_all, "conventions": "torchvision", **options}
        yield f"{family.name}_{on}", Network(family, clip, options, build)
    if family.clip is not None:
        assert family.build is not None
        assert not callable(family.options)
        build = partial(family.build, create_model)
        yield family.name, Network(family, family.clip, family.options, build)
    if family.toy is not None:
        options = {**TOY_OPTIONS, **family.toy}
        name = f"toy_{family.toy_name or family.name}"
        yield name, Network(family, _TOY_CLIP, options, family.as_toy)


def _create_on(backbone: str, family: str, **options: Any) -> nn.Module:
    return create_model(f"{family}_{backbone}", **options)


_NETWORKS = networks_of(FAMILIES)
