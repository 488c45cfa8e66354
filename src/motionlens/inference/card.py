"""The model card: everything besides the weights that a recognizer needs to be used."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from motionlens._utils.checks import check_number
from motionlens._utils.files import parse_json
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.video_index import check_class_text
from motionlens.models.registry import create_model, model_defaults
from motionlens.report.calibration import LEAST_TEMPERATURE, MOST_TEMPERATURE
from motionlens.report.prediction import Labelling
from motionlens.report.thresholds import DEFAULT_THRESHOLD

FORMAT_VERSION = 1

# Keys of the JSON object in their order, and which attribute of the card each stands for.
_ATTRIBUTES = {
    "model": "model",
    "class_names": "class_names",
    "num_frames": "sampling.num_frames",
    "frame_stride": "sampling.frame_stride",
    "seconds": "sampling.seconds",
    "size": "preprocessing.size",
    "short_side": "preprocessing.short_side",
    "options": "options",
    "sampling_mode": "sampling.mode",
    "mean": "preprocessing.mean",
    "std": "preprocessing.std",
    "multi_label": "multi_label",
    "thresholds": "thresholds",
    "temperature": "temperature",
    "unknown_below": "unknown_below",
    "background": "background",
    "license": "license",
    "about": "about",
    "format_version": "format_version",
}
# 64 frames of 560x560. A network's first layers keep several times as many values.
_MAX_CLIP_PIXELS = 20_000_000
# Three times those of the largest network here; 1.2 GB as float32.
MAX_WEIGHTS = 300_000_000
_REQUIRED = ("model", "class_names", "num_frames", "size", "short_side")
# How far apart a clip's frames are: one of these says so.
_STEPS = ("seconds", "frame_stride")


class _WeightLimit(TorchFunctionMode):
    """Counts the weights that layers ask memory for, which takes none until they are filled."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._number = most, 0

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "empty":
            self._number += result.numel()
            if self._number > self._most:
                raise ValueError(
                    f"its options must make at most {self._most:,} weights, they make more; "
                    "correct the widths"
                )
        return result


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
        thresholds: of several labels, from which probability each is shown, as an evaluation chose
            them; empty if none has.
        temperature: what logits are divided by before they become probabilities, 0.1 to 10; fitted
            so that these can be trusted.
        unknown_below: of one label per video, the probability below which the most probable label
            is no answer, 0 to 1; 0 if it always is.
        background: the class of videos that show none of the others, which makes no events; empty
            if there is none.
        license: of the weights, an SPDX identifier or free text; empty if not stated.
        about: what the recognizer knows and what not, in a sentence or two for those who use it;
            empty if not stated.
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
    thresholds: tuple[float, ...] = ()
    temperature: float = 1.0
    unknown_below: float = 0.0
    background: str = ""
    license: str = ""
    about: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.format_version > FORMAT_VERSION:
            raise ValueError(
                f"format_version must be at most {FORMAT_VERSION}, got {self.format_version}; "
                "the checkpoint was written by a newer motionlens, upgrade this one"
            )
        for name in ("model", "background", "license", "about"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(
                    f"{name} of a model card must be text, got {getattr(self, name)!r}"
                )
        if not isinstance(self.multi_label, bool) or not isinstance(self.options, Mapping):
            raise ValueError("a model card's multi_label must be true or false, options an object")
        is_list = isinstance(self.class_names, (list, tuple))
        if not is_list or not all(isinstance(name, str) for name in self.class_names):
            raise ValueError(f"class_names must be a list of strings, got {self.class_names!r:.99}")
        check_class_text(self.class_names)
        twice = [name for name, count in Counter(self.class_names).items() if count > 1]
        if not self.class_names or twice:
            raise ValueError(
                f"class_names must be distinct and not empty, got {len(self.class_names)} names, "
                f"more than once: {', '.join(twice) or 'none'}"
            )
        self._check_thresholds()
        check_number(
            "temperature of a model card",
            self.temperature,
            least=LEAST_TEMPERATURE,
            most=MOST_TEMPERATURE,
        )
        check_number("unknown_below of a model card", self.unknown_below, least=0, most=1)
        if self.unknown_below and self.multi_label:
            raise ValueError("unknown_below is for one label per video; set thresholds instead")
        self._check_clip()
        if self.background and self.background not in self.class_names:
            raise ValueError(
                f"background of a model card must be one of its class_names, got "
                f"{self.background!r}"
            )
        flow = model_defaults(self.model).flow_frames
        object.__setattr__(self, "sampling", replace(self.sampling, lead=flow))
        object.__setattr__(self, "preprocessing", replace(self.preprocessing, flow_frames=flow))

    def _check_thresholds(self) -> None:
        is_list = isinstance(self.thresholds, (list, tuple))
        if is_list and not self.thresholds:
            return
        are_shares = is_list and all(
            isinstance(p, (int, float)) and 0 <= p <= 1 for p in self.thresholds
        )
        if not self.multi_label or not are_shares or len(self.thresholds) != len(self.class_names):
            raise ValueError(
                f"thresholds must be {len(self.class_names)} numbers in 0..1, one per class of a "
                f"multi_label recognizer, got {self.thresholds!r:.99}"
            )

    def _check_clip(self) -> None:
        """Refuse a clip that no memory holds, before anything is made for it."""
        pixels = self.sampling.num_frames * self.preprocessing.size**2
        if pixels > _MAX_CLIP_PIXELS:
            raise ValueError(
                f"a clip must have at most {_MAX_CLIP_PIXELS:,} pixels, num_frames "
                f"{self.sampling.num_frames} of size {self.preprocessing.size} have {pixels:,}; "
                "take fewer or smaller frames"
            )

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Channels, frames, rows and columns of a clip."""
        size = self.preprocessing.size
        return model_defaults(self.model).channels, self.sampling.num_frames, size, size

    def build(self, max_weights: int = MAX_WEIGHTS) -> nn.Module:
        """Build the network with fresh weights.

        Args:
            max_weights: how many it may have; more are refused before they are filled.

        Raises:
            ValueError: If an option is out of the network's range, or it would have more weights.
        """
        with _WeightLimit(max_weights):
            return create_model(self.model, num_classes=len(self.class_names), **self.options)

    @property
    def label_thresholds(self) -> tuple[float, ...] | None:
        """From which probability each of several labels is shown: those chosen, or 0.5."""
        if not self.multi_label:
            return None
        return self.thresholds or (DEFAULT_THRESHOLD,) * len(self.class_names)

    @property
    def labelling(self) -> Labelling:
        """How probabilities become labels."""
        thresholds = self.label_thresholds
        if self.unknown_below:
            thresholds = (self.unknown_below,) * len(self.class_names)
        return Labelling(self.class_names, thresholds, not self.multi_label)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probabilities of logits ``(..., K)``, float32 of the same shape.

        Rows sum to 1, unless the card is ``multi_label``.
        """
        logits = logits.float() / self.temperature
        return logits.sigmoid() if self.multi_label else logits.softmax(dim=-1)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, flat."""
        values = {key: attrgetter(name)(self) for key, name in _ATTRIBUTES.items()}
        if not self.multi_label:  # cards of a single label keep the form that older versions read
            del values["multi_label"]
        for name in ("thresholds", "unknown_below", "background", "about"):
            if not values[name]:
                del values[name]
        if self.temperature == 1:
            del values["temperature"]
        # A clip is a stretch of time or counts frames; the other key would say nothing.
        del values["seconds" if self.sampling.seconds is None else "frame_stride"]
        return values

    def to_json(self) -> str:
        """As a JSON object, flat."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: If the text is not JSON, lacks a key, has an unknown one, or a value is out
                of range.
        """
        try:
            values = parse_json(text)
        except ValueError as error:
            raise ValueError(f"a model card must be JSON, got {error}") from None
        if not isinstance(values, dict):
            raise ValueError("a model card must be a JSON object with 'model' and 'class_names'")
        version = values.get("format_version", FORMAT_VERSION)
        if not isinstance(version, int):
            raise ValueError(f"format_version of a model card must be a number, got {version!r}")
        unknown = values.keys() - _ATTRIBUTES.keys()
        if unknown and version <= FORMAT_VERSION:
            names = ", ".join(sorted(unknown))
            raise ValueError(f"a model card must hold known fields only, got {names}")
        if missing := [name for name in _REQUIRED if name not in values]:
            raise ValueError(f"a model card must be complete, it lacks {', '.join(missing)}")
        given = [name for name in _STEPS if values.get(name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a model card must hold {' or '.join(_STEPS)}, got {' and '.join(given) or 'none'}"
            )
        parts: dict[str, dict[str, Any]] = {"": {}, "sampling": {}, "preprocessing": {}}
        for key in values.keys() - unknown:
            part, _, name = _ATTRIBUTES[key].rpartition(".")
            value = values[key]
            parts[part][name] = tuple(value) if isinstance(value, list) else value
        try:
            return cls(
                sampling=Sampling(**parts["sampling"]),
                preprocessing=Preprocessing(**parts["preprocessing"]),
                **parts[""],
            )
        except TypeError as error:
            raise ValueError(f"a model card must hold values of the right type: {error}") from None
