"""Pictures from the user's videos, for patches and for windows.

Training, validation and test use different stretches of every video.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motionlens.datasets.prepared import Part
from motionlens.video.file import open_video

# Start and end of each part's stretch, as shares of the video. The gaps keep parts apart, because
# neighbouring frames are almost the same.
STRETCHES: dict[Part, tuple[float, float]] = {
    "train": (0.0, 0.68),
    "validation": (0.7, 0.84),
    "test": (0.86, 1.0),
}
# Pictures per video and part that patches are cut from.
_NUM_PICTURES = 16
# The one with the most contrast of this many places is used, so that few patches are bare sky.
_NUM_TRIES = 4

Pixels = NDArray[np.uint8]  # (H, W, 3)


class Footage:
    """Videos as a source of pictures; the same pictures for the same seed.

    Args:
        paths: videos or frame folders.
        num_frames: consecutive frames that every part must have.
        parts: the parts that will be used.

    Raises:
        VideoError: If one cannot be read.
        ValueError: If one is too short.
    """

    def __init__(
        self, paths: Sequence[str | os.PathLike[str]], num_frames: int, parts: Sequence[Part]
    ) -> None:
        self._paths = [Path(path) for path in paths]
        self._sizes: list[tuple[int, int]] = []
        for path in self._paths:
            with open_video(path) as reader:
                has = reader.num_frames
                self._sizes.append((reader.height, reader.width))
            for part in parts:
                if len(_stretch(has, part)) < num_frames:
                    low, high = STRETCHES[part]
                    raise ValueError(
                        f"{path}: must have {num_frames} frames in the {high - low:.0%} of it "
                        f"that are for {part}, got {len(_stretch(has, part))} of {has}; give a "
                        "longer video or fewer frames"
                    )

    def __len__(self) -> int:
        return len(self._paths)

    def patch(self, seed: int, part: Part, side: int) -> Pixels:
        """A square from a picture, resized to uint8 ``(side, side, 3)``."""
        rng = np.random.default_rng(seed)
        pictures = _pictures(self._paths[self._choose(rng)], part)
        picture = pictures[rng.integers(len(pictures))]
        height, width = picture.shape[:2]
        found: list[Pixels] = []
        for _ in range(_NUM_TRIES):
            cut = int(min(rng.uniform(1, 4) * side, height, width))
            top, left = rng.integers(height - cut + 1), rng.integers(width - cut + 1)
            found.append(picture[top : top + cut, left : left + cut])
        best = max(found, key=lambda piece: float(piece.std()))
        return np.asarray(Image.fromarray(best).resize((side, side), Image.Resampling.BILINEAR))

    def size(self, seed: int, *, short_side: int) -> tuple[int, int]:
        """Rows and columns of what :meth:`run` returns for this seed."""
        height, width = self._sizes[self._choose(np.random.default_rng(seed))]
        scale = short_side / min(height, width)
        return max(round(height * scale), short_side), max(round(width * scale), short_side)

    def run(
        self, seed: int, part: Part, num_frames: int, short_side: int, *, running: bool
    ) -> list[Image.Image]:
        """Consecutive frames, or one of them repeated, with this short side."""
        rng = np.random.default_rng(seed)
        with open_video(self._paths[self._choose(rng)]) as reader:
            stretch = _stretch(reader.num_frames, part)
            first = stretch.start + int(rng.integers(len(stretch) - num_frames + 1))
            indices = np.arange(first, first + (num_frames if running else 1))
            frames = reader.read(indices).data.permute(0, 2, 3, 1).contiguous().numpy()
        height, width = self.size(seed, short_side=short_side)
        pictures = [
            Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR)
            for frame in frames
        ]
        return pictures * (1 if running else num_frames)

    def _choose(self, rng: np.random.Generator) -> int:
        return int(rng.integers(len(self._paths)))


def _stretch(num_frames: int, part: Part) -> range:
    low, high = STRETCHES[part]
    return range(round(low * num_frames), round(high * num_frames))


@lru_cache(maxsize=32)
def _pictures(path: Path, part: Part) -> tuple[Pixels, ...]:
    """Pictures spread over a part's stretch, decoded once per process."""
    with open_video(path) as reader:
        stretch = _stretch(reader.num_frames, part)
        number = min(_NUM_PICTURES, len(stretch))
        indices = np.linspace(stretch.start, stretch.stop - 1, number).round().astype(np.int64)
        data = reader.read(indices).data.permute(0, 2, 3, 1).contiguous().numpy()
    return tuple(data)
