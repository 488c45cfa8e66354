"""Computed textures of patches and backgrounds.

Letters: H W rows and columns.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]  # (H, W), 0 to 1
Rng = np.random.Generator

_COLLAGE_PIECES = 40


def paint(kind: str, seed: int, height: int, width: int, contrast: float) -> NDArray[np.float32]:
    """Paint a texture.

    Args:
        kind: key of :data:`KINDS` or of :data:`GROUNDS`.
        seed: for its colours and its shape.
        height: H.
        width: W.
        contrast: 0, grey, to 1.

    Returns:
        float32 ``(H, W, 3)``, 0 to 255.
    """
    rng = np.random.default_rng(seed)
    if kind in GROUNDS:
        return GROUNDS[kind](rng, height, width, contrast)
    field = KINDS[kind](rng, height, width)[..., None]
    dark, bright = _colours(rng)
    picture: NDArray[np.float64] = 127.5 + contrast * (dark + (bright - dark) * field - 127.5)
    return picture.astype(np.float32)


def smooth(rng: Rng, height: int, width: int, power: float) -> Field:
    """Stationary noise that continues periodically over its borders.

    Args:
        rng: source of the noise.
        height: H.
        width: W.
        power: exponent by which the spectrum falls with frequency; 0 is white noise.
    """
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) * frequency**-power
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(height, width))
    field: Field = np.clip(0.5 + noise / (4 * noise.std()), 0, 1)
    return field


def _colours(rng: Rng) -> NDArray[np.float64]:
    """A dark and a bright colour, ``(2, 3)``."""
    return np.stack([rng.uniform(0, 110, 3), rng.uniform(145, 255, 3)])


def _grid(rng: Rng, height: int, width: int) -> tuple[Field, Field]:
    """Rotated coordinates as phases; a period has 5 to 8 pixels."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 8)
    rows, columns = np.mgrid[:height, :width] * (2 * np.pi / period)
    first: Field = rows * np.cos(angle) + columns * np.sin(angle) + rng.uniform(0, 2 * np.pi)
    second: Field = columns * np.cos(angle) - rows * np.sin(angle) + rng.uniform(0, 2 * np.pi)
    return first, second


def _stripes(rng: Rng, height: int, width: int) -> Field:
    return (np.sin(_grid(rng, height, width)[0]) > 0).astype(np.float64)


def _checks(rng: Rng, height: int, width: int) -> Field:
    first, second = _grid(rng, height, width)
    return (np.sin(first / 2) * np.sin(second / 2) > 0).astype(np.float64)


def _dots(rng: Rng, height: int, width: int) -> Field:
    first, second = _grid(rng, height, width)
    return (np.cos(first) + np.cos(second) > 0.4).astype(np.float64)


def _blobs(rng: Rng, height: int, width: int) -> Field:
    return (smooth(rng, height, width, 1.5) > 0.5).astype(np.float64)


def _grain(rng: Rng, height: int, width: int) -> Field:
    coarse = rng.random((height // 3 + 1, width // 3 + 1))
    field: Field = coarse.repeat(3, 0).repeat(3, 1)[:height, :width]
    return field


def _clouds(rng: Rng, height: int, width: int) -> Field:
    return smooth(rng, height, width, 1.0)


KINDS: dict[str, Callable[[Rng, int, int], Field]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "blobs": _blobs,
    "grain": _grain,
    "clouds": _clouds,
}


def _collage(rng: Rng, height: int, width: int, _: float) -> NDArray[np.float32]:
    """Clouds covered with pieces of other textures."""
    picture = paint("clouds", int(rng.integers(2**31)), height, width, 0.8)
    names = list(KINDS)
    for _ in range(_COLLAGE_PIECES):
        h, w = (int(rng.integers(side // 16, side // 5)) for side in (height, width))
        top, left = int(rng.integers(-h, height)), int(rng.integers(-w, width))
        piece = paint(str(rng.choice(names)), int(rng.integers(2**31)), h, w, 1.0)
        place = picture[max(top, 0) : top + h, max(left, 0) : left + w]
        place[:] = piece[max(-top, 0) :, max(-left, 0) :][: place.shape[0], : place.shape[1]]
    return picture


def _curtain(rng: Rng, height: int, width: int, contrast: float) -> NDArray[np.float32]:
    """Soft upright folds of one colour in light that falls off."""
    columns = np.arange(width) / width
    folds = sum(
        rng.uniform(0.3, 1) * np.sin(2 * np.pi * (frequency * columns + rng.uniform()))
        for frequency in rng.uniform(1, 9, 3)
    )
    rows = np.linspace(rng.uniform(0.6, 1), rng.uniform(0.6, 1), height)[:, None, None]
    light = rows * (1 + 0.25 * contrast * np.asarray(folds)[None, :, None])
    picture: NDArray[np.float64] = np.clip(light * rng.uniform(40, 240, 3), 0, 255)
    return picture.astype(np.float32)


def _room(rng: Rng, height: int, width: int, contrast: float) -> NDArray[np.float32]:
    """A wall and a floor with furniture: large plain boxes, each a little shaded."""
    picture = np.empty((height, width, 3))
    picture[:] = rng.uniform(60, 230, 3)
    horizon = int(height * rng.uniform(0.4, 0.8))
    picture[horizon:] = rng.uniform(40, 200, 3)
    for _ in range(int(rng.integers(3, 9))):
        h, w = int(height * rng.uniform(0.1, 0.5)), int(width * rng.uniform(0.1, 0.5))
        top, left = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        shade = np.linspace(1, rng.uniform(0.7, 1), h)[:, None, None]
        picture[top : top + h, left : left + w] = shade * rng.uniform(20, 250, 3)
    picture += 40 * (smooth(rng, height, width, 1.0) - 0.5)[..., None]
    mean = picture.mean((0, 1))
    picture = mean + contrast * (picture - mean)
    clipped: NDArray[np.float32] = np.clip(picture, 0, 255).astype(np.float32)
    return clipped


GROUNDS: dict[str, Callable[[Rng, int, int, float], NDArray[np.float32]]] = {
    "collage": _collage,
    "curtain": _curtain,
    "room": _room,
}
