"""What a generated clip shows, before any pixel is drawn: what is where and how it looks.

Letters: T frames. Rows and columns count pixels from the top left corner of the view.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens.synthetic.motion_suite.difficulty import REFERENCE_PX, Difficulty

Boxes = NDArray[np.float64]  # (T, 4): row, column, height, width; nan where it is absent
Rng = np.random.Generator

# Textures of patches, unless the task is about them.
PATCH_KINDS = ("stripes", "checks", "dots", "blobs", "grain")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all clips of a suite share.

    Attributes:
        difficulty: of the suite.
        num_frames: T.
        size: rows and columns of the view, pixels.
    """

    difficulty: Difficulty
    num_frames: int
    size: int

    def px(self, length: float) -> float:
        """Pixels in this view of a length given for a view of 64 pixels."""
        return length * self.size / REFERENCE_PX

    def speed_px(self, rng: Rng) -> float:
        """Draw a speed, pixels per frame."""
        return self.px(rng.uniform(*self.difficulty.speed_px))


class Look(NamedTuple):
    """How something looks.

    Attributes:
        kind: texture, a key of :data:`.textures.KINDS`; ``photo or <kind>`` is cut from footage
            if there is any.
        seed: for colours and texture.
        contrast: 0 to 1.
        round: a disc instead of a square.
    """

    kind: str
    seed: int
    contrast: float
    round: bool = False


class Track(NamedTuple):
    """One thing and where it is.

    Attributes:
        role: ``target``, ``distractor``, ``occluder``, ``window`` and the like.
        boxes: float64 ``(T, 4)``.
        look: None for a window.
    """

    role: str
    boxes: Boxes
    look: Look | None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A clip before it is drawn.

    Attributes:
        tracks: the things in it; later ones cover earlier ones.
        ground: look of the background.
        ground_path: float64 ``(T, 2)``, row and column by which the background has drifted.
        seed: for the noise and the choice of footage.
    """

    tracks: tuple[Track, ...]
    ground: Look
    ground_path: NDArray[np.float64]
    seed: int


def draw_seed(rng: Rng) -> int:
    """A seed for something that is drawn later."""
    return int(rng.integers(2**31))


def draw_look(rng: Rng, setting: Setting, *, kind: str | None = None) -> Look:
    """Look of a square patch, of any texture unless ``kind`` is given."""
    drawn = str(rng.choice(PATCH_KINDS))
    return Look(kind or f"photo or {drawn}", draw_seed(rng), setting.difficulty.patch_contrast)
