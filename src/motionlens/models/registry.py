"""Names of networks and what they stand for: ``create_model("cpnet_resnet34", num_classes=27)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from torch import nn

from motionlens._utils.errors import nearest
from motionlens.models.conventions import find_conventions

Builder = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipDefaults:
    """Clips that a network is made for; any others work too.

    Attributes:
        num_frames: frames of a clip.
        frame_stride: step between them.
        size: rows and columns, pixels.
        flow_frames: pictures of optical flow that lead to every frame and go with its colours;
            this is the network's own and not to be changed.
    """

    num_frames: int
    frame_stride: int
    size: int
    flow_frames: int = 0

    @property
    def channels(self) -> int:
        """Of a clip: three colours, and two of each flow frame."""
        return 3 + 2 * self.flow_frames


_BUILDERS: dict[str, tuple[Builder, ClipDefaults]] = {}


def register_model(name: str, builder: Builder, defaults: ClipDefaults) -> None:
    """Give a network a name.

    Args:
        name: by which :func:`create_model` finds it.
        builder: called with ``num_classes`` and the overrides, all by keyword.
        defaults: clips that it is made for.

    Raises:
        ValueError: If the name is taken.
    """
    if name in _BUILDERS:
        raise ValueError(f"model name {name!r} is taken; choose another")
    _BUILDERS[name] = (builder, defaults)


def create_model(name: str, *, num_classes: int, **overrides: Any) -> nn.Module:
    """Build a network with fresh weights.

    Args:
        name: one of :func:`list_models`.
        num_classes: logits, at least 1.
        **overrides: options of the network, such as ``k=4``, ``modules={"res4": 2}``,
            ``dropout=0.2``; see :mod:`motionlens.models.zoo` and :mod:`motionlens.models.comparators.zoo`.

    Returns:
        A module from clips float ``(B, 3, T, H, W)`` to logits ``(B, num_classes)``, with
        ``forward_features`` for the pooled embedding. Where optical flow goes with the colours,
        clips have ``model_defaults(name).channels`` channels.

    Raises:
        ValueError: For an unknown name or option (the nearest is suggested), or a value that the
            network refuses.

    Example:
        >>> import torch
        >>> model = create_model("cpnet_nano", num_classes=7)
        >>> model(torch.randn(2, 3, 8, 64, 64)).shape
        torch.Size([2, 7])
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    builder, _ = _find(name)
    model: nn.Module = builder(num_classes=num_classes, **model_options(name, **overrides))
    return model


def model_options(name: str, **overrides: Any) -> dict[str, Any]:
    """All options of a network: the overrides, and the defaults of the others.

    A checkpoint stores them, so that it keeps its meaning when a default changes.

    Raises:
        ValueError: For an unknown name or option; the nearest is suggested.
    """
    builder, _ = _find(name)
    parameters = inspect.signature(builder).parameters
    defaults = {key: p.default for key, p in parameters.items() if key != "num_classes"}
    for option in overrides:
        if option not in defaults:
            raise ValueError(
                f"{name} has no option {option!r}{nearest(option, defaults)}; "
                f"its options are {', '.join(defaults)}"
            )
    options = {**defaults, **overrides}
    if options.get("offset_scale", 0) is None:
        options["offset_scale"] = find_conventions(options["conventions"]).offset_scale
    return options


def list_models(pattern: str = "*") -> list[str]:
    """Names of all networks that match a shell pattern, sorted."""
    from motionlens.models import toy_zoo, zoo  # noqa: F401  (registers them)
    from motionlens.models.comparators import zoo as comparators  # noqa: F401

    return sorted(name for name in _BUILDERS if fnmatch(name, pattern))


def model_defaults(name: str) -> ClipDefaults:
    """Clips that a network is made for.

    Raises:
        ValueError: For an unknown name; the nearest is suggested.
    """
    return _find(name)[1]


def _find(name: str) -> tuple[Builder, ClipDefaults]:
    known = list_models()
    if name not in _BUILDERS:
        raise ValueError(
            f"unknown model {name!r}{nearest(name, known)}; 'motionlens info' lists all models"
        )
    return _BUILDERS[name]
