"""Frames and label -> training clip and label, at random; one draw for all frames of a clip.

Letters: T frames, H W rows and columns of the frames, h = w = size those of the clip.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from motionlens._utils.checks import check_number
from motionlens.clips.preprocessing import Preprocessing, resize_frames
from motionlens.clips.symmetries import (
    AXES,
    Label,
    LabelSymmetries,
    Swaps,
    draw_symmetries,
    label_after,
)
from motionlens.video.frames import check_frames


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
            value = getattr(self, name)
            check_number(name, value, least=0, most=limit, hint="0 turns it off")

    def __call__(self, frames: Tensor, rng: np.random.Generator) -> Tensor:
        """Change frames, float ``(T, 3, h, w)`` in 0..1, all in the same way."""
        # kornia takes a third of a second to import, and evaluation does not need it.
        from kornia import enhance

        # The functions take their amounts from us, not from a random state of their own.
        limits = astuple(self)
        brightness, contrast, saturation, hue = map(float, rng.uniform(-1, 1, 4) * limits)
        steps = (
            lambda x: enhance.adjust_brightness(x, brightness),
            lambda x: enhance.adjust_contrast(x, 1 + contrast),
            lambda x: enhance.adjust_saturation_with_gray_subtraction(x, 1 + saturation),
            lambda x: enhance.adjust_hue(x, hue * 2 * math.pi),
        )
        for number in rng.permutation(4):
            if limits[number]:
                frames = steps[number](frames)
        return frames


@dataclass(frozen=True)
class ClipTransform:
    """Frames and label -> training clip and its label, at random.

    In this order: random crop, resized to the clip; flips and time reversal where declared, and
    the label changed with them; rotation; color jitter; normalisation.

    Attributes:
        preprocessing: size and normalisation of the clip.
        class_names: name of each label.
        symmetries: which flips are allowed and which classes they swap.
        min_area: least area of the crop, as a share of the largest crop of its shape that fits
            into the frame; 1 for always the largest.
        ratio: least and greatest width of the crop divided by its height.
        rotation: greatest turn to either side, degrees, about the middle; what comes in at the
            corners is mirrored.
        colors: color jitter.

    Raises:
        ValueError: If a value is out of its range or the symmetries do not fit the classes.

    Example:
        >>> import torch
        >>> transform = ClipTransform(Preprocessing(32, 36), ["left", "right"],
        ...                           LabelSymmetries(horizontal_flip={"left": "right"}))
        >>> clip, label = transform(torch.zeros(4, 3, 48, 64).byte(), 0, rng=7)
        >>> clip.shape, label  # this seed flips
        (torch.Size([3, 4, 32, 32]), 1)
    """

    preprocessing: Preprocessing
    class_names: Sequence[str]
    symmetries: LabelSymmetries = field(default_factory=LabelSymmetries)
    min_area: float = 0.5
    ratio: tuple[float, float] = (0.9, 1.1)
    rotation: float = 0.0
    colors: ColorJitter = field(default_factory=ColorJitter)

    def __post_init__(self) -> None:
        check_number("min_area", self.min_area, above=0, most=1)
        low, high = self.ratio
        if not 0 < low <= high:
            raise ValueError(f"ratio must be 0 < least <= greatest, got {self.ratio}")
        # Resolved now, so that a mistake in the pairs is found before the first clip.
        _ = self._swaps

    def __call__(
        self, frames: Tensor, label: Label, rng: np.random.Generator | int
    ) -> tuple[Tensor, Label]:
        """Make one clip; the same ``rng`` state or seed makes the same clip.

        Args:
            frames: uint8 ``(T, 3, H, W)``.
            label: in ``0..len(class_names) - 1``; or targets, bool ``(len(class_names),)``.
            rng: all chance comes from it; global random states are neither read nor changed.

        Returns:
            The clip, float32 ``(3, T, h, w)``, and its label after the symmetries.
        """
        rng = np.random.default_rng(rng)
        crop = self._draw_crop(check_frames(frames), rng)
        applied = draw_symmetries(self._swaps, rng)
        crop = crop.flip([AXES[name] for name in applied])
        values = (crop / 255).contiguous()
        if self.rotation:
            values = rotate(values, rng.uniform(-self.rotation, self.rotation))
        values = self.colors(values, rng)
        return self.preprocessing.normalize(values), label_after(label, applied, self._swaps)

    def shrink(self, frames: Tensor) -> Tensor:
        """Frames as small as can be without the smallest crop having to be enlarged.

        Args:
            frames: uint8 ``(T, 3, H, W)``; returned as they are if they are that small already.
        """
        height, width = check_frames(frames).shape[2:]
        size, scale = self.preprocessing.size, 0.0
        for ratio in self.ratio:
            columns, rows = _largest_crop(height, width, ratio)
            scale = max(scale, size / columns, size / rows)
        scale /= math.sqrt(self.min_area)
        if scale >= 1:
            return frames
        return resize_frames(frames, (math.ceil(height * scale), math.ceil(width * scale)))

    @cached_property
    def _swaps(self) -> Swaps:
        return self.symmetries.resolve(self.class_names)

    def _draw_crop(self, frames: Tensor, rng: np.random.Generator) -> Tensor:
        """A random part of the frames, resized: uint8 ``(T, 3, h, w)``."""
        height, width = frames.shape[2:]
        size = self.preprocessing.size
        low, high = self.ratio
        ratio = math.exp(rng.uniform(math.log(low), math.log(high)))
        scale = math.sqrt(rng.uniform(self.min_area, 1))
        columns, rows = (max(round(s * scale), 1) for s in _largest_crop(height, width, ratio))
        top = int(rng.integers(height - rows + 1))
        left = int(rng.integers(width - columns + 1))
        return resize_frames(frames[:, :, top : top + rows, left : left + columns], (size, size))


def rotate(frames: Tensor, degrees: float) -> Tensor:
    """Turn square frames, float ``(T, C, s, s)``, about their middle, all by the same angle.

    Args:
        frames: any float dtype.
        degrees: anticlockwise, as one looks at them.
    """
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    # Where each place of the result comes from; rows grow downwards.
    turn = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]], dtype=frames.dtype)
    grid = F.affine_grid(turn.expand(len(frames), 2, 3), list(frames.shape), align_corners=False)
    return F.grid_sample(frames, grid, padding_mode="reflection", align_corners=False)


def _largest_crop(height: int, width: int, ratio: float) -> tuple[float, float]:
    """Columns and rows of the largest crop with columns / rows = ``ratio``."""
    columns = min(width, height * ratio)
    return columns, columns / ratio
