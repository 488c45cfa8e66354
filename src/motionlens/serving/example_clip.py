"""The sample clip of the page: a painted picture that moves to the right."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from motionlens.clips.sampling import Sampling
from motionlens.synthetic.motion_suite.textures import paint
from motionlens.video.writing import write_video

_HEIGHT, _WIDTH = 216, 288
# How far the picture moves during the clip, pixels.
_WAY = 140
_FPS = 25
_SEED = 3


@lru_cache(maxsize=1)
def example_clip(sampling: Sampling) -> bytes:
    """An MP4 file that is long enough for one clip of that sampling."""
    num_frames = max(sampling.span, 12)
    painted = paint("collage", _SEED, _HEIGHT, _WIDTH + _WAY, 0.85)
    picture = painted.clip(0, 255).round().astype(np.uint8)
    lefts = np.linspace(_WAY, 0, num_frames).round().astype(int)
    frames = np.stack([picture[:, left : left + _WIDTH] for left in lefts])
    with tempfile.TemporaryDirectory(prefix="motionlens-example-") as folder:
        path = Path(folder, "example.mp4")
        write_video(path, frames, fps=_FPS)
        return path.read_bytes()
