"""How hard a motion task is: speed, distractors, contrast and noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from motionlens._utils.errors import nearest

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
    """

    speed_px: tuple[float, float]
    growth: tuple[float, float]
    num_distractors: int
    patch_contrast: float
    ground_contrast: float
    ground_speed_px: float
    noise: float
    running: bool


DIFFICULTIES: dict[str, Difficulty] = {
    "easy": Difficulty(
        speed_px=(3.0, 4.0),
        growth=(1.06, 1.10),
        num_distractors=0,
        patch_contrast=1.0,
        ground_contrast=0.3,
        ground_speed_px=0.0,
        noise=0.0,
        running=False,
    ),
    "medium": Difficulty(
        speed_px=(6.0, 8.0),
        growth=(1.12, 1.18),
        num_distractors=2,
        patch_contrast=0.9,
        ground_contrast=0.6,
        ground_speed_px=0.0,
        noise=3.0,
        running=True,
    ),
    "hard": Difficulty(
        speed_px=(10.0, 13.0),
        growth=(1.22, 1.30),
        num_distractors=4,
        patch_contrast=0.8,
        ground_contrast=0.8,
        ground_speed_px=2.0,
        noise=6.0,
        running=True,
    ),
}


def find_difficulty(name: str, speed_px: float | None = None) -> Difficulty:
    """A difficulty by its name, optionally with another speed.

    Args:
        name: key of :data:`DIFFICULTIES`.
        speed_px: pixels per frame in a view of 64 pixels; None for the difficulty's own.

    Raises:
        ValueError: For an unknown name, or a speed that is not above 0 and at most 24.
    """
    if name not in DIFFICULTIES:
        raise ValueError(
            f"difficulty must be one of {', '.join(DIFFICULTIES)}, got {name!r}"
            f"{nearest(name, DIFFICULTIES)}"
        )
    if speed_px is None:
        return DIFFICULTIES[name]
    if not 0 < speed_px <= 24:
        raise ValueError(
            f"speed must be above 0 and at most 24 pixels per frame, got {speed_px:g}; faster "
            "things are seen in one frame only"
        )
    return replace(DIFFICULTIES[name], speed_px=(speed_px, speed_px))
