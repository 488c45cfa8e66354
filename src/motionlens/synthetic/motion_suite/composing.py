"""A background and distractors around the things that a label is about."""

from __future__ import annotations

import numpy as np

from motionlens.synthetic.motion_suite.motions import any_direction, bouncing
from motionlens.synthetic.motion_suite.scenes import Look, Rng, Scene, Setting, Track, draw_seed

DISTRACTOR_PX = (7.0, 10.0)


def compose(rng: Rng, setting: Setting, tracks: list[Track]) -> Scene:
    """Put things that the label is about in front of distractors and a background.

    Background and distractors do not depend on the label, so they cannot give it away.
    """
    difficulty = setting.difficulty
    others = [_distractor(rng, setting) for _ in range(difficulty.num_distractors)]
    ground = Look("clouds", draw_seed(rng), difficulty.ground_contrast)
    drift = any_direction(rng, setting.px(rng.uniform(0, difficulty.ground_speed_px)))
    path = np.arange(setting.num_frames)[:, None] * drift
    return Scene(tracks=(*others, *tracks), ground=ground, ground_path=path, seed=draw_seed(rng))


def _distractor(rng: Rng, setting: Setting) -> Track:
    """A small disc that moves in its own direction, as fast as the labelled things."""
    extent = setting.px(rng.uniform(*DISTRACTOR_PX))
    step = any_direction(rng, setting.speed_px(rng))
    boxes = bouncing(rng, setting, extent, np.tile(step, (setting.num_frames - 1, 1)))
    kind = str(rng.choice(["blobs", "grain"]))
    look = Look(kind, draw_seed(rng), setting.difficulty.patch_contrast, round=True)
    return Track("distractor", boxes, look)
