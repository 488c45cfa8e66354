"""Frames -> clip: resize, centre crop, normalize. The same at every evaluation.

Letters: T frames, H W rows and columns of the frames, h = w = size those of the clip.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from motionlens._utils.checks import check_at_least, check_number
from motionlens.clips.optical_flow import clip_with_flow
from motionlens.video.frames import check_frames

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Rows and columns of a clip, pixels: those of 8K.
MAX_SIZE = 8192


@dataclass(frozen=True)
class Preprocessing:
    """What frames go through on their way to a network.

    Called with frames, uint8 ``(T, 3, H, W)``, it returns the clip, float32 ``(3, T, h, w)``.

    Attributes:
        size: rows and columns of the clip, pixels.
        short_side: length that the frames' shorter side is resized to, pixels, at least ``size``.
        mean: subtracted from red, green and blue in 0..1; ImageNet's by default.
        std: divided by afterwards.
        flow_frames: optical flow fields per frame of the clip. The frames are then groups of
            ``flow_frames + 1``, the last of each the clip's own, and the clip has
            ``3 + 2 * flow_frames`` channels, see
            :func:`motionlens.clips.optical_flow.clip_with_flow`.

    Raises:
        ValueError: If a value is out of its range.

    Example:
        >>> clip = Preprocessing(size=64, short_side=72)(torch.zeros(8, 3, 100, 176).byte())
        >>> clip.shape
        torch.Size([3, 8, 64, 64])
    """

    size: int
    short_side: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    flow_frames: int = 0

    def __post_init__(self) -> None:
        check_at_least(1, size=self.size, short_side=self.short_side)
        check_number("size", self.size, most=MAX_SIZE)
        check_number("short_side", self.short_side, most=MAX_SIZE)
        if self.short_side < self.size:
            raise ValueError(
                f"short_side must be at least size = {self.size}, got {self.short_side}; raise "
                "it, or the crop does not fit"
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            numbers = all(isinstance(v, int | float) and math.isfinite(v) for v in values)
            if len(values) != 3 or not numbers:
                raise ValueError(f"{name} must be 3 numbers (red, green, blue), got {values}")
            if not all(abs(value) <= 1e6 for value in values):
                raise ValueError(f"{name} must be 3 numbers of at most 1e6, got {values}")
        if not all(1e-6 <= value <= 1e6 for value in self.std):
            raise ValueError(
                f"std must be 3 numbers above 0 in 1e-6..1e6, got {self.std}; 1 leaves a channel "
                "unscaled"
            )

    def __call__(self, frames: Tensor) -> Tensor:
        """The clip, float32 ``(3, T, h, w)``, of frames, uint8 ``(T, 3, H, W)``."""
        return self.normalize(self.crop(frames))

    def crop(self, frames: Tensor) -> Tensor:
        """The centre of the resized frames, uint8 ``(T, 3, h, w)``."""
        resized = self.resize(frames)
        top, left = self._crop_corner(*resized.shape[2:])
        return resized[:, :, top : top + self.size, left : left + self.size]

    def resize(self, frames: Tensor) -> Tensor:
        """Frames resized to ``short_side``, uint8; applied twice it changes nothing."""
        height, width = check_frames(frames).shape[2:]
        return resize_frames(frames, scaled_size(height, width, self.short_side))

    def region(self, height: int, width: int) -> tuple[float, float, float, float]:
        """The rectangle that the clip shows of frames of that size.

        Args:
            height: rows of the frames.
            width: columns of the frames.

        Returns:
            Top, left, height and width in pixels of the frames; they need not be whole.
        """
        rows, columns = scaled_size(height, width, self.short_side)
        top, left = self._crop_corner(rows, columns)
        y, x = height / rows, width / columns
        return top * y, left * x, self.size * y, self.size * x

    def _crop_corner(self, rows: int, columns: int) -> tuple[int, int]:
        return (rows - self.size) // 2, (columns - self.size) // 2

    def normalize(self, frames: Tensor) -> Tensor:
        """Frames, uint8 or float in 0..1, ``(T, 3, h, w)`` -> clip, float32 ``(3, T, h, w)``.

        On the frames' device. Optical flow is computed from the frames as given, mirrored or
        reversed as they may be.
        """
        values = frames.float() / 255 if frames.dtype == torch.uint8 else frames
        mean, std = (
            torch.tensor(v, device=values.device).view(3, 1, 1, 1) for v in (self.mean, self.std)
        )
        colors = ((values.permute(1, 0, 2, 3) - mean) / std).contiguous()
        if not self.flow_frames:
            return colors
        pictures = frames if frames.dtype == torch.uint8 else (frames * 255).round().byte()
        return clip_with_flow(pictures, colors, self.flow_frames)


def scaled_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Rows and columns of frames whose shorter side is resized to ``short_side``."""
    scale = short_side / min(height, width)
    return round(height * scale), round(width * scale)


def resize_frames(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize frames, uint8 ``(T, 3, H, W)``, to ``size`` = rows, columns.

    Bilinear, with antialiasing, in training as in evaluation. (kornia's ``crop_and_resize`` has
    no antialiasing: training clips would flicker where evaluation clips do not.)
    """
    if tuple(frames.shape[2:]) == size:
        return frames
    return F.interpolate(frames, size, mode="bilinear", antialias=True, align_corners=False)
