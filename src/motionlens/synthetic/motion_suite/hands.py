"""A hand with an arm, drawn from capsules: palm, thumb and four fingers that bend.

Its box holds the palm and stretched fingers; the arm reaches nine times as far.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Values = NDArray[np.float64]

# Base (row, column), direction when stretched (radians from right towards down), length and radius
# of the four fingers and the thumb, in sides of the box from its middle; the hand points up.
_FINGERS = np.array([
    (0.02, -0.15, -1.75, 0.38, 0.060),
    (0.00, -0.05, -1.62, 0.46, 0.062),
    (0.01, 0.05, -1.50, 0.43, 0.060),
    (0.04, 0.14, -1.36, 0.33, 0.052),
    (0.18, -0.16, -2.45, 0.30, 0.066),
])  # fmt: skip
_PALM = (0.14, -0.07, 0.14, 0.07, 0.17)  # from, to, radius
_ARM = (0.24, 0.0, 4.5, 0.5, 0.125)
# How far fingers are stretched, 0 to 1, thumb last: pointing, two fingers, open, a fist.
_POSES = np.array([
    (1.0, 0.1, 0.05, 0.1, 0.3),
    (1.0, 1.0, 0.05, 0.1, 0.3),
    (1.0, 1.0, 1.0, 1.0, 1.0),
    (0.1, 0.05, 0.05, 0.1, 0.2),
])  # fmt: skip
_DARK_SKIN, _LIGHT_SKIN = np.array([88.0, 54.0, 38.0]), np.array([238.0, 196.0, 168.0])


@dataclass(frozen=True)
class Hand:
    """How a hand looks and bends; the same for the same seed.

    Attributes:
        colour: float64 ``(3,)``, of its bright parts, 0 to 255.
        capsules: float64 ``(T, 7, 5)``: from, to and radius of palm, arm, fingers and thumb in
            every frame, in sides of the box from its middle.
    """

    colour: Values
    capsules: Values


def draw_hand(seed: int, num_frames: int) -> Hand:
    """Draw a hand: three of four have the colour of skin, half of them point."""
    rng = np.random.default_rng(seed)
    mix = rng.uniform(0, 1)
    colour = (1 - mix) * _DARK_SKIN + mix * _LIGHT_SKIN + rng.uniform(-12, 12, 3)
    if rng.random() < 0.25:  # gloves, sleeves, whatever
        colour = rng.uniform(20, 250, 3)
    pose = _POSES[rng.choice(4, p=[0.5, 0.15, 0.2, 0.15])] + rng.normal(0, 0.08, 5)
    time = np.linspace(0, 1, num_frames)[:, None]
    # Fingers bend slowly, each in its own rhythm.
    bending = rng.uniform(0, 0.15, 5) * np.sin(
        2 * np.pi * (rng.uniform(0.2, 1.2, 5) * time + rng.uniform(0, 1, 5))
    )
    stretch = np.clip(pose + bending, 0, 1)
    base, angle, length, radius = _FINGERS[:, :2], *_FINGERS[:, 2:].T
    reach = length * (0.3 + 0.7 * stretch)
    tips = base + reach[..., None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    radii = np.broadcast_to(radius[:, None], (num_frames, 5, 1))
    fingers = np.concatenate([np.broadcast_to(base, tips.shape), tips, radii], axis=2)
    fixed = np.broadcast_to(np.array([_PALM, _ARM]), (num_frames, 2, 5))
    capsules = np.concatenate([fixed, fingers], axis=1)
    if rng.random() < 0.5:  # the other hand
        capsules = capsules * [1, -1, 1, -1, 1]
    lean = rng.normal(0, 0.6) if rng.random() < 0.85 else rng.uniform(0, 2 * np.pi)
    turns = lean + 0.1 * np.sin(2 * np.pi * (rng.uniform(0.3, 1) * time[:, 0] + rng.uniform()))
    cos, sin = np.cos(turns), np.sin(turns)
    matrices = np.stack([np.stack([cos, sin], 1), np.stack([-sin, cos], 1)], axis=1)
    ends = capsules[..., :4].reshape(num_frames, 14, 2) @ matrices.transpose(0, 2, 1)
    capsules = np.concatenate([ends.reshape(num_frames, 7, 4), capsules[..., 4:]], axis=2)
    return Hand(colour * rng.uniform(0.6, 1.05), capsules)


def paste_hand(
    frame: NDArray[np.float32], capsules: Values, colour: Values, corner: tuple[int, int], side: int
) -> None:
    """Draw a hand into a frame ``(H, W, 3)``.

    Args:
        frame: changed in place.
        capsules: of :class:`Hand`, in this frame.
        colour: of its bright parts.
        corner: row and column of the top left corner of its box, pixels.
        side: of its box, pixels.
    """
    ends = capsules[:, :4].reshape(-1, 2, 2) * side + np.array(corner) + side / 2
    radius = capsules[:, 4:] * side
    limit = frame.shape[:2]
    first = np.clip(np.floor((ends.min(1) - radius).min(0)) - 1, 0, limit).astype(int)
    last = np.clip(np.ceil((ends.max(1) + radius).max(0)) + 1, 0, limit).astype(int)
    if (first >= last).any():
        return
    place = frame[first[0] : last[0], first[1] : last[1]]
    rows, columns = (np.arange(low, high) + 0.5 for low, high in zip(first, last, strict=True))
    (begin_r, begin_c), (end_r, end_c) = ends.transpose(1, 2, 0)[..., None, None]
    r, c = rows[:, None] - begin_r, columns - begin_c  # (7, H, 1), (7, 1, W)
    step_r, step_c = end_r - begin_r, end_c - begin_c
    share = np.clip((r * step_r + c * step_c) / (step_r**2 + step_c**2), 0, 1)
    radius = radius[..., None]
    depth = np.hypot(r - share * step_r, c - share * step_c) / radius  # 1 at the skin
    alpha = np.clip(0.5 + ((1 - depth) * radius).max(0), 0, 1)[..., None]
    # Darker towards the edge, so that fingers stand out from the palm and from each other.
    shade = 1 - 0.4 * np.clip(depth.min(0), 0, 1)[..., None] ** 3
    place += (alpha * (np.clip(colour * shade, 0, 255) - place)).astype(np.float32)
