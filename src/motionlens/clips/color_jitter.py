"""Random changes of colour, one for all frames of a clip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class ColorJitter:
    """Greatest changes of colour; drawn once a clip, applied in drawn order; 0 turns one off.

    Attributes:
        brightness: greatest shift of all values, which lie in 0..1.
        contrast: values are scaled by ``1 - contrast`` to ``1 + contrast``.
        saturation: the same for the distance from grey.
        hue: greatest turn of the hue, of a full turn, at most 0.5.

    Raises:
        ValueError: If a value is out of its range.
    """

    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.25
    hue: float = 0.1

    def __post_init__(self) -> None:
        for name, limit in (("brightness", 1), ("contrast", 1), ("saturation", 1), ("hue", 0.5)):
            if not 0 <= getattr(self, name) <= limit:
                raise ValueError(
                    f"{name} must lie in 0..{limit}, got {getattr(self, name)}; 0 turns it off"
                )

    def __call__(self, frames: Tensor, rng: np.random.Generator) -> Tensor:
        """Change frames, float ``(T, 3, h, w)`` in 0..1, all in the same way."""
        # kornia takes a third of a second to import, and evaluation does not need it.
        from kornia import enhance

        # The functions take their amounts from us, not from a random state of their own.
        brightness, contrast, saturation, hue = map(float, rng.uniform(-1, 1, 4) * self._limits)
        steps = (
            lambda x: enhance.adjust_brightness(x, brightness),
            lambda x: enhance.adjust_contrast(x, 1 + contrast),
            lambda x: enhance.adjust_saturation_with_gray_subtraction(x, 1 + saturation),
            lambda x: enhance.adjust_hue(x, hue * 2 * math.pi),
        )
        for number in rng.permutation(4):
            if self._limits[number]:
                frames = steps[number](frames)
        return frames

    @property
    def _limits(self) -> tuple[float, float, float, float]:
        return self.brightness, self.contrast, self.saturation, self.hue
