"""What a generated clip shows and how hard it is, before any pixel is drawn.

Letters: T frames. Rows and columns count pixels from the top left corner of the view.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_choice, check_number

Boxes = NDArray[np.float64]  # (T, 4): row, column, height, width; nan where it is absent
Rng = np.random.Generator

# Textures of patches, unless the task is about them.
PATCH_KINDS = ("stripes", "checks", "dots", "blobs", "grain")
Level = Literal["easy", "medium", "hard"]

# Lengths are given for a view of this many pixels and scale with it.
REFERENCE_PX = 64


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """What makes a task hard.

    Attributes:
        speed_px: lowest and highest speed of the labelled things, pixels per frame in a view of 64
            pixels.
        growth: lowest and highest factor per frame of what grows or shrinks.
        num_distractors: smaller discs that move in other ways.
        patch_contrast: of patches, 0 to 1.
        ground_contrast: of the background, 0 to 1.
        ground_speed_px: highest speed of the drifting background, likewise.
        noise: standard deviation of the noise of every pixel and frame, of 255.
        running: whether windows move over running footage, or over one picture of it.
        shake_px: standard deviation of the camera's shake in ``paths``, likewise.
        light: by which share the light may change in a clip of ``paths``, up or down.
        blur_px: largest standard deviation of the blur in ``paths``, likewise.
        num_occluders: most things that hide others in ``paths``.
        redrawn: share of a figure's noise that is drawn anew in every frame.
        hidden: frames during which ``reappear`` shows nothing.
    """

    speed_px: tuple[float, float]
    growth: tuple[float, float]
    num_distractors: int
    patch_contrast: float
    ground_contrast: float
    ground_speed_px: float
    noise: float
    running: bool
    shake_px: float
    light: float
    blur_px: float
    num_occluders: int
    redrawn: float
    hidden: float


# Each attribute of a difficulty, for easy, medium and hard.
_BY_LEVEL: dict[str, tuple[Any, Any, Any]] = {
    "speed_px": ((3.0, 4.0), (6.0, 8.0), (10.0, 13.0)),
    "growth": ((1.06, 1.10), (1.12, 1.18), (1.22, 1.30)),
    "num_distractors": (0, 2, 4),
    "patch_contrast": (1.0, 0.9, 0.8),
    "ground_contrast": (0.3, 0.6, 0.8),
    "ground_speed_px": (0.0, 0.0, 2.0),
    "noise": (0.0, 3.0, 6.0),
    "running": (False, True, True),
    "shake_px": (0.0, 0.5, 1.0),
    "light": (0.0, 0.2, 0.4),
    "blur_px": (0.0, 0.6, 0.9),
    "num_occluders": (0, 1, 2),
    "redrawn": (0.0, 0.1, 0.25),
    "hidden": (1.5, 1.5, 1.5),
}
DIFFICULTIES = {
    level: Difficulty(**{name: values[i] for name, values in _BY_LEVEL.items()})
    for i, level in enumerate(get_args(Level))
}


def find_difficulty(
    name: str,
    speed_px: float | None = None,
    growth: float | None = None,
    hidden: float | None = None,
) -> Difficulty:
    """A difficulty by its name, optionally with another speed, growth or time of hiding.

    Args:
        name: key of :data:`DIFFICULTIES`.
        speed_px: pixels per frame in a view of 64 pixels; None for the difficulty's own.
        growth: factor per frame of what grows or shrinks; None for the difficulty's own.
        hidden: frames during which nothing is seen; None for the difficulty's own.

    Raises:
        ValueError: For an unknown name, a speed that is not above 0 and at most 24, a growth
            that is not above 1 and at most 2, or a time of hiding that is not from 1 to 48.
    """
    check_choice("difficulty", name, DIFFICULTIES)
    level = DIFFICULTIES[name]
    if speed_px is not None:
        hint = "it counts pixels per frame, and faster things are seen in one frame only"
        check_number("speed", speed_px, above=0, most=24, hint=hint)
        level = replace(level, speed_px=(speed_px, speed_px))
    if growth is not None:
        check_number("growth", growth, above=1, most=2, hint="it is a factor per frame")
        level = replace(level, growth=(growth, growth))
    if hidden is not None:
        check_number("hidden", hidden, least=1, most=48, hint="it counts frames")
        level = replace(level, hidden=hidden)
    return level


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
        shape: key of :data:`.shapes.SHAPES`, or ``"hand"``, which has colours of its own.
    """

    kind: str
    seed: int
    contrast: float
    shape: str = "square"


class Track(NamedTuple):
    """One thing and where it is.

    Attributes:
        role: ``target``, ``distractor``, ``occluder``, ``window`` and the like; ``ground`` is
            where the background is, which a shaking camera moves.
        boxes: float64 ``(T, 4)``.
        look: how it looks; of a window, the picture that it shows a part of.
    """

    role: str
    boxes: Boxes
    look: Look


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A clip before it is drawn.

    Attributes:
        tracks: the things in it; later ones cover earlier ones.
        ground: look of the background.
        ground_path: float64 ``(T, 2)``, row and column by which the background has drifted.
        seed: for the noise and the choice of footage.
        light: float64 ``(T,)``, factor of the brightness of every frame; None for 1.
        blur: standard deviation of the blur, pixels.
    """

    tracks: tuple[Track, ...]
    ground: Look
    ground_path: NDArray[np.float64]
    seed: int
    light: NDArray[np.float64] | None = None
    blur: float = 0.0


def draw_seed(rng: Rng) -> int:
    """A seed for something that is drawn later."""
    return int(rng.integers(2**31))


def draw_look(rng: Rng, setting: Setting, *, kind: str | None = None) -> Look:
    """Look of a square patch, of any texture unless ``kind`` is given."""
    drawn = str(rng.choice(PATCH_KINDS))
    return Look(kind or f"photo or {drawn}", draw_seed(rng), setting.difficulty.patch_contrast)
