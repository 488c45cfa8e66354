"""Which clips and crops of a video an evaluation looks at. Numbers only; nothing is read.

Letters: S clips, H W rows and columns of the resized frames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_at_least, check_choice, check_number

FrameOrder = Literal["kept", "shuffled", "still"]

FULL: Literal["full"] = "full"
_ALONG_LONGER_SIDE = (3, 5, 6, 8)
_CORNERS_MIRRORED = 10
CROP_NUMBERS = (1, *_ALONG_LONGER_SIDE, _CORNERS_MIRRORED)


class Crop(NamedTuple):
    """A part of the frames, pixels, and whether it is seen in a mirror."""

    top: int
    left: int
    height: int
    width: int
    is_mirrored: bool = False


@dataclass(frozen=True)
class Views:
    """How many clips of a video are looked at, and how many parts of each.

    Attributes:
        num_clips: S, at least 1: one clip is the middle of the video, several start evenly spaced
            from its first frame to the last from which a clip still fits.
        crops: 1 for the centre; 3, 5, 6 or 8 for squares evenly along the longer side; 10 for the
            four corners and the centre, and their mirror images; ``"full"`` for the whole frame.
        frame_order: ``"kept"``; ``"shuffled"`` at random, each video in its own way and the same
            each time; or ``"still"``, the middle frame of a clip in the place of all.

    Raises:
        ValueError: If a value is none of these.

    Example:
        >>> Views.parse("8x6").num_views
        48
    """

    num_clips: int = 1
    crops: int | Literal["full"] = 1
    frame_order: FrameOrder = "kept"

    def __post_init__(self) -> None:
        check_at_least(1, num_clips=self.num_clips)
        check_number("clips of a video", self.num_clips, most=1000)
        if self.crops != FULL and self.crops not in CROP_NUMBERS:
            known = ", ".join(map(str, CROP_NUMBERS))
            raise ValueError(f"crops must be one of {known} or {FULL}, got {self.crops!r}")
        check_choice("frame_order", self.frame_order, get_args(FrameOrder))

    @classmethod
    def parse(cls, text: str | Views) -> Views:
        """Read ``CLIPSxCROPS``, such as ``8x6`` or ``8xfull``; views are returned as they are.

        Raises:
            ValueError: If the text is something else.
        """
        if isinstance(text, Views):
            return text
        found = re.fullmatch(rf"(\d+)x(\d+|{FULL})", text.strip())
        if not found:
            raise ValueError(f"views must be CLIPSxCROPS such as 8x6 or 8x{FULL}, got {text!r}")
        clips, crops = found.groups()
        return cls(int(clips), FULL if crops == FULL else int(crops))

    def __str__(self) -> str:
        return f"{self.num_clips}x{self.crops}"

    def ordered(self, clips: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
        """The frames of clips ``(S, T)``, along each in the order that is wanted.

        Args:
            clips: numbers of frames.
            seed: of the order at random; the number of the video.
        """
        T = clips.shape[1]
        if self.frame_order == "shuffled":
            return clips[:, np.random.default_rng(seed).permutation(T)]
        if self.frame_order == "still":
            return np.repeat(clips[:, T // 2 : T // 2 + 1], T, axis=1)
        return clips

    @property
    def num_crops(self) -> int:
        """Parts of each clip."""
        return 1 if self.crops == FULL else int(self.crops)

    @property
    def num_views(self) -> int:
        """Views of a video: clips times crops."""
        return self.num_clips * self.num_crops

    @property
    def has_mirrored(self) -> bool:
        """Whether some views are mirrored left to right."""
        return self.crops == _CORNERS_MIRRORED

    def crop_boxes(self, height: int, width: int, size: int) -> list[Crop]:
        """The parts of each clip.

        One crop, and the ten, are of the network's size. Squares along the longer side are as
        large as the short side, which leaves no room across it: with frames resized to 256 and a
        network trained on 224 pixels, the centre is 224x224 and each of three squares 256x256.

        Args:
            height: H of the resized frames, pixels.
            width: W, pixels.
            size: of the network's clips, pixels, at most H and W.

        Example:
            Six squares of 100 along 175 pixels: (175 - 100) // 5 = 15.

            >>> [crop.left for crop in Views(1, 6).crop_boxes(100, 175, 88)]
            [0, 15, 30, 45, 60, 75]
        """
        if self.crops == FULL:
            return [Crop(0, 0, height, width)]
        if self.crops in _ALONG_LONGER_SIDE:
            side, is_wide = min(height, width), width >= height
            offsets = _offsets(max(height, width) - side, self.num_crops)
            return [Crop(*((0, at) if is_wide else (at, 0)), side, side) for at in offsets]
        down, across = height - size, width - size
        centre = Crop(down // 2, across // 2, size, size)
        if self.crops == 1:
            return [centre]
        corners = [Crop(top, left, size, size) for top in (0, down) for left in (0, across)]
        plain = [*corners, centre]
        return plain + [crop._replace(is_mirrored=True) for crop in plain]


def _offsets(spare: int, number: int) -> list[int]:
    if number == 6:  # as the authors round
        return [spare // 5 * i for i in range(5)] + [spare]
    return [i * spare // (number - 1) for i in range(number)]
