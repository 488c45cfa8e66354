"""Clips that fit the data: videos may be shorter than what a budget would like to see of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from motionlens.clips.video_index import VideoIndex
from motionlens.reproduce.budgets import Budget

# Videos that are opened to learn how long they are.
_OPENED = 15


def usual_length(index: VideoIndex) -> int:
    """Frames of the video in the middle of some of an index, ordered by length.

    Raises:
        ValueError: If one cannot be opened.
    """
    chosen = np.linspace(0, len(index) - 1, min(_OPENED, len(index))).astype(int)
    return int(np.median([index.open(int(i)).num_frames for i in chosen]))


def fitted(budget: Budget, num_frames: int) -> Budget:
    """The budget with a step between frames that lets its clips end with the video.

    The full budget stays as it is: its recipes are the authors'.

    Args:
        budget: whose recipe says how many frames a clip has.
        num_frames: of the usual video.
    """
    if budget.recipe is None:
        return budget
    clip = budget.recipe["clip"]
    stride = max(1, min(budget.stride, (num_frames - 1) // max(1, clip["num_frames"] - 1)))
    recipe = {**budget.recipe, "clip": {**clip, "frame_stride": stride}}
    return replace(budget, stride=stride, recipe=recipe)
