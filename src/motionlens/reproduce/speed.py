"""Accuracy over the speed of the motion, with that speed measured in the videos themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from motionlens.clips.sampling import Sampling
from motionlens.clips.training_loader import ClipDataset
from motionlens.datasets.parts import open_parts
from motionlens.reproduce.grids import Grid
from motionlens.reproduce.outcomes import Outcome
from motionlens.reproduce.request import Request
from motionlens.reproduce.trained import OnOutcome, open_data, perform_grid
from motionlens.training.build import make_card

# Videos that are looked at, and frames of each.
_VIDEOS, _FRAMES = 60, 9


def perform_speed(request: Request, grid: Grid, packaged: str, on_outcome: OnOutcome) -> Outcome:
    """Train every model on clips that span the same time in more or fewer frames.

    Raises:
        ValueError: If the data or the folder cannot be used.
        KeyboardInterrupt: If it is interrupted; what is finished is kept.
    """
    pixels = measure_speed(request, packaged)
    remark = (
        "How fast things move between neighbouring frames of the validation videos could not be "
        "measured."
        if pixels is None
        else f"Neighbouring frames of the validation videos are {pixels:.1f} pixels apart at the "
        "size of the clips, in the median of those that move (phase correlation of whole frames); "
        "frames n steps apart, n times that."
    )

    def completed(outcome: Outcome) -> Outcome:
        about = {**outcome.about, "pixels_per_frame": pixels}
        return replace(outcome, about=about, remarks=(remark,))

    return completed(
        perform_grid(request, "speed", grid, packaged, lambda found: on_outcome(completed(found)))
    )


def measure_speed(request: Request, packaged: str) -> float | None:
    """Pixels that the picture moves from frame to frame, in the median of videos that move.

    It sees what the whole picture does; small things that move over a still ground it does not.

    Raises:
        ValueError: If the data cannot be used.
    """
    base, _ = open_data(request, packaged)
    _, validation = open_parts(base.source)
    card = make_card(base, validation.class_names)
    clips = ClipDataset(
        validation,
        Sampling(_FRAMES, frame_stride=1),
        card.preprocessing,
        training=False,
        cache=False,
    )
    chosen = np.linspace(0, len(clips) - 1, min(_VIDEOS, len(clips))).astype(int)
    found = []
    for number in chosen:
        found.append(median_shift(clips[int(number)]["clip"].mean(0).numpy()))
    moving = [shift for shift in found if shift >= 0.5]
    return float(np.median(moving)) if moving else None


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
