"""How fast things move in videos: pixels that the picture shifts from frame to frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motionlens.clips.sampling import Sampling
from motionlens.clips.training_loader import ClipDataset
from motionlens.datasets.parts import open_parts
from motionlens.training.build import make_card
from motionlens.training.recipe import Recipe

# Videos that are looked at, and frames of each.
_VIDEOS, _FRAMES = 60, 9


def measure_speed(recipe: Recipe) -> float | None:
    """Pixels that the picture shifts from frame to frame, at the size of the recipe's clips.

    Median of the validation videos that move; None if none does. It sees what the whole picture
    does, not small things that move over a still ground.

    Raises:
        ValueError: If the data cannot be used.
    """
    _, validation = open_parts(recipe.source)
    clips = ClipDataset(
        validation,
        Sampling(_FRAMES, frame_stride=1),
        make_card(recipe, validation.class_names).preprocessing,
        cache=False,
    )
    chosen = np.linspace(0, len(clips) - 1, min(_VIDEOS, len(clips))).astype(int)
    shifts = [median_shift(clips[int(number)]["clip"].mean(0).numpy()) for number in chosen]
    moving = [shift for shift in shifts if shift >= 0.5]
    return float(np.median(moving)) if moving else None


def speed_note(pixels: float | None) -> str:
    """What the page says of what :func:`measure_speed` found."""
    if pixels is None:
        return (
            "How fast things move between neighbouring frames of the validation videos could not "
            "be measured."
        )
    return (
        f"Neighbouring frames of the validation videos are {pixels:.1f} pixels apart at the size "
        "of the clips, in the median of those that move (phase correlation of whole frames); "
        "frames n steps apart, n times that."
    )


def median_shift(frames: NDArray[np.float32]) -> float:
    """Pixels by which grey frames ``(T, H, W)`` are shifted from one to the next, in the median.

    By phase correlation: the shift at which two frames agree best, to whole pixels.

    Example:
        >>> ground = np.random.default_rng(0).normal(size=(32, 32))
        >>> moved = [np.roll(ground, (0, 3 * t), (0, 1)) for t in range(4)]
        >>> median_shift(np.stack(moved))
        3.0
    """
    H, W = frames.shape[1:]
    window = np.outer(np.hanning(H), np.hanning(W))
    spectra = np.fft.rfft2((frames - frames.mean((1, 2), keepdims=True)) * window)
    cross = spectra[1:] * spectra[:-1].conj()
    surfaces = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=(H, W))
    shifts = []
    for surface in surfaces:
        row, column = divmod(int(surface.argmax()), W)
        shifts.append(np.hypot(min(row, H - row), min(column, W - column)))
    return float(np.median(shifts))
