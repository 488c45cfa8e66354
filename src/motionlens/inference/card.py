"""The model card: everything besides the weights that a recognizer needs to be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import isfinite
from typing import Any, Literal

from torch import Tensor, nn

from motionlens.models.registry import create_model, model_defaults

FORMAT_VERSION = 1

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """What a checkpoint carries beside its weights.

    Attributes:
        model: name for :func:`motionlens.create_model`.
        options: of the network, such as ``k`` and ``offset_scale``; a trained one's are all here.
        class_names: label names in the order of the logits.
        num_frames: frames of a clip.
        frame_stride: step between them (dense sampling).
        sampling_mode: ``"dense"`` or ``"segments"``.
        size: rows and columns of a clip, pixels.
        short_side: frames are resized to that short side before the centre crop, pixels.
        mean: of the three colours, for pixels in 0 to 1.
        std: likewise.
        multi_label: whether a video may show several classes: a logit then says yes or no by
            itself, through a sigmoid.
        license: of the weights, an SPDX identifier or free text; empty if nobody said.
        format_version: of the checkpoint's files.

    Raises:
        ValueError: On construction, for a value out of range.
    """

    model: str
    class_names: tuple[str, ...]
    num_frames: int
    frame_stride: int
    size: int
    short_side: int
    options: Mapping[str, Any] = field(default_factory=dict)
    sampling_mode: Literal["dense", "segments"] = "dense"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    multi_label: bool = False
    license: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.format_version > FORMAT_VERSION:
            raise ValueError(
                f"format_version must be at most {FORMAT_VERSION}, got {self.format_version}; "
                "the checkpoint was written by a newer motionlens, upgrade this one"
            )
        if not all(isinstance(name, str) for name in self.class_names):
            raise ValueError(f"class_names must be texts, got {self.class_names[0]!r} and others")
        if not self.class_names or len(set(self.class_names)) != len(self.class_names):
            raise ValueError(
                f"class_names must be distinct and not empty, got {len(self.class_names)} names, "
                f"{len(set(self.class_names))} of them distinct"
            )
        for name in ("num_frames", "frame_stride", "size", "short_side"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if self.short_side < self.size:
            raise ValueError(
                f"short_side must be at least size = {self.size}, got {self.short_side}"
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            numbers = all(isinstance(value, (int, float)) and isfinite(value) for value in values)
            if len(values) != 3 or not numbers or (name == "std" and min(values) <= 0):
                wanted = "3 numbers above 0" if name == "std" else "3 numbers"
                raise ValueError(f"{name} must be {wanted} (red, green, blue), got {values}")
        if self.sampling_mode not in ("dense", "segments"):
            raise ValueError(
                f"sampling_mode must be 'dense' or 'segments', got {self.sampling_mode!r}"
            )

    @property
    def channels(self) -> int:
        """Of a clip: 3, unless optical flow goes with the colours."""
        return model_defaults(self.model).channels

    def build(self) -> nn.Module:
        """Build the network with fresh weights."""
        return create_model(self.model, num_classes=len(self.class_names), **self.options)

    def probabilities(self, logits: Tensor) -> Tensor:
        """What logits ``(..., K)`` mean, float32 of the same shape.

        Rows sum to 1; of several labels each probability stands for itself.
        """
        logits = logits.float()
        return logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)

    def to_json(self) -> str:
        """As a JSON object."""
        values = asdict(self)
        if not self.multi_label:  # cards of one label stay as they were, and older readers' too
            del values["multi_label"]
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: If the text is not JSON, lacks a field, or has one that is unknown.
        """
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"a model card must be JSON, got {error}") from None
        known = {entry.name for entry in fields(cls)}
        if not isinstance(values, dict) or not {"model", "class_names"} <= values.keys():
            raise ValueError("a model card must be a JSON object with 'model' and 'class_names'")
        version = values.get("format_version", FORMAT_VERSION)
        if not isinstance(version, int):
            raise ValueError(f"format_version of a model card must be a number, got {version!r}")
        if version <= FORMAT_VERSION and values.keys() - known:
            unknown = ", ".join(sorted(values.keys() - known))
            raise ValueError(f"a model card must hold known fields only, got {unknown}")
        for name in ("class_names", "mean", "std"):
            if name in values:
                if not isinstance(values[name], list):
                    raise ValueError(f"{name} of a model card must be a list, got {values[name]!r}")
                values[name] = tuple(values[name])
        try:
            return cls(**{name: value for name, value in values.items() if name in known})
        except TypeError as error:
            raise ValueError(f"a model card must be complete: {error}") from None
