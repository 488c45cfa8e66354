"""The model card: everything besides the weights that a recognizer needs to be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.models.registry import create_model, model_defaults

FORMAT_VERSION = 1

# Keys of the JSON object, by the part of the card that they belong to.
_SAMPLING = {"num_frames": "num_frames", "frame_stride": "frame_stride", "sampling_mode": "mode"}
_PREPROCESSING = ("size", "short_side", "mean", "std")
_OWN = ("model", "class_names", "options", "multi_label", "license", "format_version")
_REQUIRED = ("model", "class_names", "num_frames", "frame_stride", "size", "short_side")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """What a checkpoint carries beside its weights.

    Attributes:
        model: name for :func:`motionlens.create_model`.
        class_names: label names in the order of the logits.
        sampling: which frames of a video make a clip. ``lead`` follows from the model, whatever
            is given.
        preprocessing: what happens to them. ``flow_frames`` follows from the model, whatever is
            given.
        options: of the network, such as ``k`` and ``offset_scale``; a trained network's are all
            here.
        multi_label: whether a video may show several classes. Each logit then goes through a
            sigmoid of its own.
        license: of the weights, an SPDX identifier or free text; empty if not stated.
        format_version: of the checkpoint's files.

    Raises:
        ValueError: On construction, for an unknown model or a value out of range.
    """

    model: str
    class_names: tuple[str, ...]
    sampling: Sampling
    preprocessing: Preprocessing
    options: Mapping[str, Any] = field(default_factory=dict)
    multi_label: bool = False
    license: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.format_version > FORMAT_VERSION:
            raise ValueError(
                f"format_version must be at most {FORMAT_VERSION}, got {self.format_version}; "
                "the checkpoint was written by a newer motionlens, upgrade this one"
            )
        is_list = isinstance(self.class_names, (list, tuple))
        if not is_list or not all(isinstance(name, str) for name in self.class_names):
            raise ValueError(f"class_names must be a list of strings, got {self.class_names!r:.99}")
        if not self.class_names or len(set(self.class_names)) != len(self.class_names):
            raise ValueError(
                f"class_names must be distinct and not empty, got {len(self.class_names)} names, "
                f"{len(set(self.class_names))} of them distinct"
            )
        flow = model_defaults(self.model).flow_frames
        object.__setattr__(self, "sampling", replace(self.sampling, lead=flow))
        object.__setattr__(self, "preprocessing", replace(self.preprocessing, flow_frames=flow))

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Channels, frames, rows and columns of a clip."""
        size = self.preprocessing.size
        return model_defaults(self.model).channels, self.sampling.num_frames, size, size

    def build(self) -> nn.Module:
        """Build the network with fresh weights."""
        return create_model(self.model, num_classes=len(self.class_names), **self.options)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of logits ``(..., K)``, float32 of the same shape.

        Rows sum to 1, unless the card is ``multi_label``.
        """
        logits = logits.float()
        return logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)

    def to_json(self) -> str:
        """As a JSON object, flat."""
        values = {
            "model": self.model,
            "class_names": self.class_names,
            "num_frames": self.sampling.num_frames,
            "frame_stride": self.sampling.frame_stride,
            "size": self.preprocessing.size,
            "short_side": self.preprocessing.short_side,
            "options": dict(self.options),
            "sampling_mode": self.sampling.mode,
            "mean": self.preprocessing.mean,
            "std": self.preprocessing.std,
            # Cards of a single label keep the form that older versions read.
            **({"multi_label": True} if self.multi_label else {}),
            "license": self.license,
            "format_version": self.format_version,
        }
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: If the text is not JSON, lacks a key, has an unknown one, or a value is out
                of range.
        """
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"a model card must be JSON, got {error}") from None
        if not isinstance(values, dict):
            raise ValueError("a model card must be a JSON object with 'model' and 'class_names'")
        version = values.get("format_version", FORMAT_VERSION)
        if not isinstance(version, int):
            raise ValueError(f"format_version of a model card must be a number, got {version!r}")
        unknown = values.keys() - {*_SAMPLING, *_PREPROCESSING, *_OWN}
        if unknown and version <= FORMAT_VERSION:
            names = ", ".join(sorted(unknown))
            raise ValueError(f"a model card must hold known fields only, got {names}")
        if missing := [name for name in _REQUIRED if name not in values]:
            raise ValueError(f"a model card must be complete, it lacks {', '.join(missing)}")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        sampling = {name: values[key] for key, name in _SAMPLING.items() if key in values}
        preprocessing = {key: values[key] for key in _PREPROCESSING if key in values}
        try:
            return cls(
                sampling=Sampling(**sampling),
                preprocessing=Preprocessing(**preprocessing),
                **{key: values[key] for key in _OWN if key in values},
            )
        except TypeError as error:
            raise ValueError(f"a model card must hold values of the right type: {error}") from None
