"""The part of a recipe that says what clips are, and how training changes them."""

import math
from dataclasses import dataclass
from typing import Literal

from motionlens._utils.checks import check_fields


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """What a clip is; the model's own values where not given.

    Attributes:
        num_frames: Frames of a clip.
        seconds: How long a clip is; its frames are evenly spaced in time, whatever the videos'
            frame rates. whole for clips as long as their videos.
        fps: Frames of a clip per second, instead of seconds.
        frame_stride: Count frames instead, and take them this many apart: motion in videos of
            another frame rate then looks faster or slower.
        mode: dense for a stretch of the video; segments for frames spread over the whole video by
            their numbers, as TSN takes them.
        size: Rows and columns of a clip, pixels.
        short_side: For evaluation frames are resized to that short side, then cropped in the
            middle, pixels; same as size if not given.
    """

    num_frames: int | None = None
    seconds: float | Literal["whole"] | None = None
    fps: float | None = None
    frame_stride: int | None = None
    mode: Literal["dense", "segments"] = "dense"
    size: int | None = None
    short_side: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is left to the data how long clips are."""
        return self.mode == "dense" and not (self.frame_stride or self.fps or self.seconds)

    def __post_init__(self) -> None:
        check_fields(self, "clip.", "num_frames", "frame_stride", "size", "short_side", least=1)
        check_fields(self, "clip.", "fps", above=0, below=math.inf)
        if self.seconds != "whole":
            check_fields(self, "clip.", "seconds", above=0, below=math.inf)
        given = [name for name in ("seconds", "fps", "frame_stride") if getattr(self, name)]
        if self.mode == "segments":
            given.insert(0, "mode segments")
        if len(given) > 1 and given != ["mode segments", "frame_stride"]:
            names = " and ".join(f"clip.{name}" for name in given)
            raise ValueError(f"{names} exclude each other; leave out all but one")


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes of a training clip, drawn once for all its frames.

    Flips and time reversal change what a motion means: they are used only where declared, as a
    mapping of the class names that swap, such as {move_left: move_right}; {} if none does.

    Attributes:
        min_area: Least area of the crop, as a share of the largest that fits; 1 for the largest.
        ratio: Least and greatest factor by which the crop is wider than high.
        rotation: Greatest turn to either side, degrees; at most 180, 0 for none.
        brightness: Greatest relative change; 0 for none.
        contrast: Greatest relative change; 0 for none.
        saturation: Greatest relative change; 0 for none.
        hue: Greatest turn, of a full one; at most 0.5, 0 for none.
        time_jitter: Greatest move of each frame in time, as a share of the distance between a
            clip's frames, as if the video had been taken at another frame rate; at most 0.5, 0
            for none. For clips in seconds.
        min_length: Least length of a clip, as a share of clip.seconds, so that motion starts and
            ends elsewhere and is slower; 1 for always the whole. For clips in seconds.
        horizontal_flip: Class names that swap under it; null for no flips; catalog for what the
            catalogue says of a prepared data set.
        vertical_flip: Class names that swap under it; null for no flips.
        time_reversal: Class names that swap under it; null for no reversal.
        mix_probability: Share of the batches in which clips and their labels are mixed in pairs.
        mixup_alpha: Both parameters of the beta distribution that mixup draws a clip's share
            from; 0 for no mixup. With cutmix too, a coin decides which.
        cutmix_alpha: The same for cutmix, which puts a part of one clip's area, the same place in
            all frames, into another; 0 for no cutmix.
    """

    min_area: float = 0.5
    ratio: tuple[float, float] = (0.9, 1.1)
    rotation: float = 0.0
    brightness: float = 0.25
    contrast: float = 0.25
    saturation: float = 0.25
    hue: float = 0.1
    time_jitter: float = 0.0
    min_length: float = 1.0
    horizontal_flip: dict[str, str] | Literal["catalog"] | None = None
    vertical_flip: dict[str, str] | None = None
    time_reversal: dict[str, str] | None = None
    mix_probability: float = 0.0
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self, "augment.", "min_area", "min_length", above=0, most=1)
        check_fields(self, "augment.", "rotation", least=0, most=180)
        check_fields(self, "augment.", "brightness", "contrast", "saturation", least=0, most=1)
        check_fields(self, "augment.", "hue", "time_jitter", least=0, most=0.5)
        check_fields(self, "augment.", "mix_probability", least=0, most=1)
        check_fields(self, "augment.", "mixup_alpha", "cutmix_alpha", least=0, below=math.inf)
        if self.mix_probability and not (self.mixup_alpha or self.cutmix_alpha):
            raise ValueError(
                f"augment.mix_probability is {self.mix_probability}, but there is nothing to do; "
                "set augment.mixup_alpha or augment.cutmix_alpha above 0"
            )
        low, high = self.ratio
        if not 0 < low <= high:
            raise ValueError(f"augment.ratio must be 0 < least <= greatest, got {low}, {high}")
