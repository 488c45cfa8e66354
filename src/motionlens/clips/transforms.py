"""Frames -> clip: resize, crop, colours, symmetries; one random choice for all frames of a clip.

Letters: T frames, H W rows and columns of the frames, h w those of the clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from motionlens.clips.color_jitter import ColorJitter
from motionlens.clips.optical_flow import clip_with_flow
from motionlens.clips.symmetries import Label, LabelSymmetries, ResolvedSymmetries

__all__ = ["ClipTransform", "ColorJitter", "LabelSymmetries", "Preprocessing", "resize_frames"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """What frames go through on their way to a network; the same at every evaluation.

    Called with frames, uint8 ``(T, 3, H, W)``, it returns the clip, float32 ``(3, T, h, w)``:
    the short side resized, the middle cropped, the values normalised.

    Attributes:
        size: rows and columns of the clip, pixels; one number for a square.
        short_side: length that the frames' shorter side is resized to, pixels, at least the
            crop's shorter side. Frames in which the crop would not fit are made larger.
        mean: subtracted from red, green and blue in 0..1; ImageNet's by default.
        std: divided by afterwards.
        flow_frames: pictures of optical flow that go with each frame of the clip; the frames
            are then groups of so many and the one that they lead to, and the clip has
            ``3 + 2 * flow_frames`` channels, see :func:`motionlens.clips.optical_flow.clip_with_flow`.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> clip = Preprocessing(size=64, short_side=72)(torch.zeros(8, 3, 100, 176).byte())
        >>> clip.shape
        torch.Size([3, 8, 64, 64])
    """

    size: int | tuple[int, int]
    short_side: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    flow_frames: int = 0

    def __post_init__(self) -> None:
        if min(self.crop_size) < 1:
            raise ValueError(f"size must be at least 1 pixel, got {self.size}; enlarge it")
        if self.short_side < min(self.crop_size):
            raise ValueError(
                f"short_side must be at least size = {min(self.crop_size)}, got "
                f"{self.short_side}; raise it, or the crop does not fit"
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) != 3 or not all(math.isfinite(value) for value in values):
                raise ValueError(f"{name} must be 3 numbers (red, green, blue), got {values}")
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0, got {self.std}; 1 leaves a channel unscaled")

    @property
    def crop_size(self) -> tuple[int, int]:
        """Rows and columns of the clip, pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def __call__(self, frames: Tensor) -> Tensor:
        """The clip, float32 ``(3, T, h, w)``, of frames, uint8 ``(T, 3, H, W)``."""
        return self.normalize(self.crop(frames))

    def crop(self, frames: Tensor) -> Tensor:
        """The middle of the resized frames, uint8 ``(T, 3, h, w)``: all but the values."""
        resized = self.resize(frames)
        h, w = self.crop_size
        top, left = self._crop_corner(*resized.shape[2:])
        return resized[:, :, top : top + h, left : left + w]

    def resize(self, frames: Tensor) -> Tensor:
        """Frames with their short side as asked for, uint8; applied twice it changes nothing."""
        return resize_frames(frames, self._resized(*_check_frames(frames).shape[2:]))

    def region(self, height: int, width: int) -> tuple[float, float, float, float]:
        """The part of frames of that size that the clip shows: resizing and crop undone.

        Args:
            height: rows of the frames.
            width: columns of the frames.

        Returns:
            Top, left, height and width in pixels of the frames; they need not be whole.
        """
        rows, columns = self._resized(height, width)
        top, left = self._crop_corner(rows, columns)
        h, w = self.crop_size
        y, x = height / rows, width / columns
        return top * y, left * x, h * y, w * x

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        h, w = self.crop_size
        scale = max(self.short_side / min(height, width), h / height, w / width)
        # Rounding must not bring a side below the crop.
        return max(round(height * scale), h), max(round(width * scale), w)

    def _crop_corner(self, rows: int, columns: int) -> tuple[int, int]:
        h, w = self.crop_size
        return (rows - h) // 2, (columns - w) // 2

    def normalize(self, frames: Tensor) -> Tensor:
        """Frames, uint8 or float in 0..1, ``(T, 3, h, w)`` -> clip, float32 ``(3, T, h, w)``.

        On the frames' device. Of frames that have been mirrored or reversed, flow is what it is
        in them.
        """
        values = frames.float() / 255 if frames.dtype == torch.uint8 else frames
        mean, std = (
            torch.tensor(v, device=values.device).view(3, 1, 1, 1) for v in (self.mean, self.std)
        )
        colours = ((values.permute(1, 0, 2, 3) - mean) / std).contiguous()
        if not self.flow_frames:
            return colours
        pictures = frames if frames.dtype == torch.uint8 else (frames * 255).round().byte()
        return clip_with_flow(pictures, colours, self.flow_frames)


@dataclass(frozen=True)
class ClipTransform:
    """Frames and label -> training clip and its label, at random.

    In this order: a random part of the frames, resized to the clip; flips and time reversal where
    declared, with the label that the clip then has; colours; normalisation.

    Attributes:
        preprocessing: size and normalisation of the clip.
        class_names: name of each label.
        symmetries: which flips are allowed and which classes they swap.
        min_area: least part that the crop takes of the largest one of its shape that fits into
            the frame; 1 for always the largest. (Of the whole frame's area a wide frame has no
            square crop of more than a part.)
        ratio: least and greatest factor by which the crop is wider than the clip's shape.
        colors: changes of colour.

    Raises:
        ValueError: If a value is out of its range or the symmetries do not fit the classes.

    Example:
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
    colors: ColorJitter = field(default_factory=ColorJitter)

    def __post_init__(self) -> None:
        if not 0 < self.min_area <= 1:
            raise ValueError(f"min_area must lie in 0..1, above 0, got {self.min_area}")
        low, high = self.ratio
        if not 0 < low <= high:
            raise ValueError(f"ratio must be 0 < least <= greatest, got {self.ratio}")
        # Worked out now, so that a mistake in the pairs is met before the first clip.
        _ = self._resolved

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
        crop = self._draw_crop(_check_frames(frames), rng)
        applied = self._resolved.draw(rng)
        mirrored = (applied.time_reversal, applied.vertical_flip, applied.horizontal_flip)
        crop = crop.flip([axis for axis, is_on in zip((0, 2, 3), mirrored, strict=True) if is_on])
        values = self.colors((crop / 255).contiguous(), rng)
        return self.preprocessing.normalize(values), self._resolved.label_after(label, applied)

    def shrink(self, frames: Tensor) -> Tensor:
        """Frames as small as can be without the smallest crop having to be enlarged.

        Args:
            frames: uint8 ``(T, 3, H, W)``; returned as they are if they are that small already.
        """
        height, width = _check_frames(frames).shape[2:]
        h, w = self.preprocessing.crop_size
        scale = 0.0
        for ratio in self.ratio:
            columns, rows = _largest_crop(height, width, w / h * ratio)
            scale = max(scale, w / columns, h / rows)
        scale /= math.sqrt(self.min_area)
        if scale >= 1:
            return frames
        return resize_frames(frames, (math.ceil(height * scale), math.ceil(width * scale)))

    @cached_property
    def _resolved(self) -> ResolvedSymmetries:
        return self.symmetries.resolve(self.class_names)

    def _draw_crop(self, frames: Tensor, rng: np.random.Generator) -> Tensor:
        """A random part of the frames, resized: uint8 ``(T, 3, h, w)``."""
        height, width = frames.shape[2:]
        h, w = self.preprocessing.crop_size
        low, high = self.ratio
        shape = w / h * math.exp(rng.uniform(math.log(low), math.log(high)))
        scale = math.sqrt(rng.uniform(self.min_area, 1))
        columns, rows = (max(round(s * scale), 1) for s in _largest_crop(height, width, shape))
        top = int(rng.integers(height - rows + 1))
        left = int(rng.integers(width - columns + 1))
        return resize_frames(frames[:, :, top : top + rows, left : left + columns], (h, w))


def resize_frames(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize frames, uint8 ``(T, 3, H, W)``, to ``size`` = rows, columns.

    Bilinear; what is made smaller is smoothed first, in training as in evaluation. (kornia's
    ``crop_and_resize`` takes single pixels, so that training clips would flicker where
    evaluation clips do not.)
    """
    if tuple(frames.shape[2:]) == size:
        return frames
    return F.interpolate(frames, size, mode="bilinear", antialias=True, align_corners=False)


def _largest_crop(height: int, width: int, shape: float) -> tuple[float, float]:
    """Columns and rows of the largest crop with columns / rows = ``shape``."""
    columns = min(width, height * shape)
    return columns, columns / shape


def _check_frames(frames: Tensor) -> Tensor:
    shape = tuple(frames.shape)
    if frames.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or 0 in shape:
        raise ValueError(
            f"frames must be uint8 (T, 3, H, W), got {frames.dtype} {shape}; "
            "take them from a reader, before any normalisation"
        )
    return frames
