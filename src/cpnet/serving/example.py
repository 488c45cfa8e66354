"""A clip to try the page with: a patch that moves over a still ground."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from cpnet.data.motion_suite.textures import paint
from cpnet.data.sampling import Sampling
from cpnet.data.writing import write_video

_SIDE, _PATCH = 192, 56
_FPS = 25


@lru_cache(maxsize=1)
def example_clip(sampling: Sampling) -> bytes:
    """An MP4 file, long enough for a clip that is sampled so."""
    num_frames = max(sampling.span, 12)
    ground = 40 + 0.5 * paint("blobs", 3, _SIDE, _SIDE, 0.5)
    patch = paint("checks", 5, _PATCH, _PATCH, 1.0)
    frames = np.repeat(ground[None], num_frames, axis=0)
    for number, left in enumerate(np.linspace(8, _SIDE - _PATCH - 8, num_frames).round()):
        top, column = (_SIDE - _PATCH) // 2, int(left)
        frames[number, top : top + _PATCH, column : column + _PATCH] = patch
    with tempfile.TemporaryDirectory(prefix="cpnet-example-") as folder:
        path = Path(folder, "example.mp4")
        write_video(path, frames.clip(0, 255).round().astype(np.uint8), fps=_FPS)
        return path.read_bytes()
