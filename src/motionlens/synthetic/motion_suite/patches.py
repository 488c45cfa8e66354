"""The clips of the tasks about patches: one function per task, and what surrounds the patches.

Background and distractors do not depend on the label, so they cannot give it away.
"""

import numpy as np

from motionlens.synthetic.motion_suite.motions import any_direction, bouncing, passing, resting
from motionlens.synthetic.motion_suite.scenes import (
    PATCH_KINDS,
    Look,
    Rng,
    Scene,
    Setting,
    Track,
    draw_look,
    draw_seed,
)

# Rows down and columns right, of length 1.
_HALF = float(np.sqrt(0.5))
STEPS = {
    "up": (-1.0, 0.0),
    "down": (1.0, 0.0),
    "left": (0.0, -1.0),
    "right": (0.0, 1.0),
    "up_left": (-_HALF, -_HALF),
    "up_right": (-_HALF, _HALF),
    "down_left": (_HALF, -_HALF),
    "down_right": (_HALF, _HALF),
}
TARGET_PX = (18.0, 24.0)
# With three, one is more than half in view for a while in 97 of 100 clips.
NUM_TARGETS = 3


def draw_direction(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """Three patches cross the view with the step of the class; others follow them.

    A single frame shows patches at uniformly drawn places in every class and at every time, see
    :func:`.motions.passing`.
    """
    speed = setting.speed_px(rng)
    row, column = STEPS[class_name]
    tracks = []
    for _ in range(NUM_TARGETS):
        extent = setting.px(rng.uniform(*TARGET_PX))
        for boxes in passing(rng, setting, extent, (speed * row, speed * column)):
            tracks.append(Track("target", boxes, draw_look(rng, setting)))
    return _compose(rng, setting, tracks)


SIZES_PX = (11.0, 30.0)
SENSES = {"approach": 1, "recede": -1, "still": 0}


def draw_approach(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """A patch grows by the same factor from frame to frame, shrinks, or keeps its size.

    The logarithm of the size runs around a circle from a uniformly drawn start. A patch that has
    reached the largest size is gone, and another one, at another place and with another look,
    starts at the smallest. So sizes have the same distribution in every frame of every class, and
    the place of a patch does not depend on its size.
    """
    smallest, largest = (setting.px(side) for side in SIZES_PX)
    span = np.log(largest / smallest)
    rate = SENSES[class_name] * np.log(rng.uniform(*setting.difficulty.growth))
    logs = rng.uniform(0, span) + rate * np.arange(setting.num_frames)
    turns = np.floor(logs / span)
    sides = smallest * np.exp(logs - turns * span)
    tracks = []
    for turn in np.unique(turns):
        # Even the largest patch is fully in view.
        middle = rng.uniform(largest / 2, setting.size - largest / 2, 2)
        boxes = resting(setting, 0, 0, 0)
        boxes[:, :2] = middle - sides[:, None] / 2
        boxes[:, 2:] = sides[:, None]
        boxes[turns != turn] = np.nan
        tracks.append(Track("target", boxes, draw_look(rng, setting)))
    return _compose(rng, setting, tracks)


DASHING_PX = 14.0
ORDER_KINDS = ("stripes", "dots")
# Number of steps of a dash, and least number from the start of one to the start of the other.
DASH_STEPS, LEAST_GAP = 2, 2


def draw_order(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """Two patches stand still; each dashes once in any direction and stands still again.

    The place of a patch is uniform before, during and after its dash, see
    :func:`.motions.bouncing`, so a frame does not even tell whether the dash is over.
    """
    num_steps = setting.num_frames - 1
    early = int(rng.integers(0, num_steps - DASH_STEPS - LEAST_GAP + 1))
    late = int(rng.integers(early + LEAST_GAP, num_steps - DASH_STEPS + 1))
    first = ORDER_KINDS.index(class_name.removesuffix("_first"))
    tracks = []
    for place, kind in enumerate(ORDER_KINDS):
        begin = early if place == first else late
        steps = np.zeros((num_steps, 2))
        steps[begin : begin + DASH_STEPS] = any_direction(rng, setting.speed_px(rng))
        boxes = bouncing(rng, setting, setting.px(DASHING_PX), steps)
        tracks.append(Track(kind, boxes, draw_look(rng, setting, kind=kind)))
    if rng.integers(2):  # which of them covers the other
        tracks.reverse()
    return _compose(rng, setting, tracks)


COLLIDING_PX = 12.0


def draw_collision(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """One patch comes and touches the other, which rests; then one of them goes.

    If the resting patch moves off, it was hit; if the moving one goes back, nobody was. A frame
    shows two patches, one of them at the line where they touch, and a gap. In every class the gap
    grows with the time before or after the touch, and the touch is as likely early as late. In
    left_hits_right the left patch moves before and the right one after the touch; in
    right_hits_left it is the reverse; in nobody the same patch moves in both, each half of the
    time. So at an unknown time the left or the right patch is away from the line with equal
    probability in every class.
    """
    side = setting.px(COLLIDING_PX)
    speed = setting.speed_px(rng)
    middle = (setting.num_frames - 1) / 2
    touch = middle + rng.uniform(-middle / 4, middle / 4)
    times = np.arange(setting.num_frames) - touch
    if class_name == "nobody":
        comes = goes = int(rng.integers(2))  # 0 is the left one
    else:
        comes, goes = (0, 1) if class_name == "left_hits_right" else (1, 0)
    mover = np.where(times < 0, comes, goes)
    away = speed * np.abs(times)
    line = rng.uniform(side, setting.size - side)
    row = rng.uniform(0, setting.size - side)
    tracks = []
    for place, role in enumerate(("left", "right")):
        boxes = resting(setting, row, line if place else line - side, side)
        boxes[:, 1] += np.where(mover == place, away if place else -away, 0)
        tracks.append(Track(role, boxes, draw_look(rng, setting)))
    return _compose(rng, setting, tracks)


HIDING_PX, BAR_PX = 12.0, 15.0
BAR_SHIFT_PX = 6.0


def draw_reappear(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """A patch goes behind a bar; after a while it, or another one, comes out.

    ``passes``: it comes out on the far side. ``returns``: it comes out on the side where it went
    in. ``another``: another one comes out on either side. At any time a frame of any class shows
    the bar and at most one patch of any look, on the left or the right with equal probability, at
    a distance that depends on the time alone.
    """
    # Whole pixels, so that the bar covers the patch in the picture too.
    side, bar = (float(round(setting.px(length))) for length in (HIDING_PX, BAR_PX))
    centre = setting.size / 2 + setting.px(rng.uniform(-BAR_SHIFT_PX, BAR_SHIFT_PX))
    middle = (setting.num_frames - 1) / 2 + rng.uniform(-0.5, 0.5)
    times = np.arange(setting.num_frames) - middle
    seen = np.maximum(np.abs(times) - setting.difficulty.hidden / 2, 0)
    away = setting.speed_px(rng) * seen + (bar - side) / 2
    enters = int(rng.choice([-1, 1]))
    leaves = {"passes": -enters, "returns": enters}.get(class_name, int(rng.choice([-1, 1])))
    boxes = resting(setting, rng.uniform(0, setting.size - side), 0, side)
    boxes[:, 1] = centre - side / 2 + away * np.where(times < 0, enters, leaves)
    one, other = rng.choice(PATCH_KINDS, 2, replace=False)
    contrast = setting.difficulty.patch_contrast
    looks = [Look(f"photo or {kind}", draw_seed(rng), contrast) for kind in (one, other)]
    if class_name == "another":
        tracks = []
        for look, is_there in zip(looks, (times < 0, times >= 0), strict=True):
            mine = np.where(is_there[:, None], boxes, np.nan)
            tracks.append(Track("hidden", mine, look))
    else:
        tracks = [Track("hidden", boxes, looks[0])]
    wall = resting(setting, 0, centre - bar / 2, bar)
    wall[:, 2] = setting.size
    tracks.append(Track("occluder", wall, Look("stripes", draw_seed(rng), contrast / 2)))
    if rng.integers(2):  # up and down instead of left and right
        tracks = [track._replace(boxes=track.boxes[:, [1, 0, 3, 2]]) for track in tracks]
    return _compose(rng, setting, tracks)


DISTRACTOR_PX = (7.0, 10.0)


def _compose(rng: Rng, setting: Setting, tracks: list[Track]) -> Scene:
    """Put things that the label is about in front of distractors and a background."""
    difficulty = setting.difficulty
    others = [draw_distractor(rng, setting) for _ in range(difficulty.num_distractors)]
    ground = Look("clouds", draw_seed(rng), difficulty.ground_contrast)
    drift = any_direction(rng, setting.px(rng.uniform(0, difficulty.ground_speed_px)))
    path = np.arange(setting.num_frames)[:, None] * drift
    return Scene(tracks=(*others, *tracks), ground=ground, ground_path=path, seed=draw_seed(rng))


def draw_distractor(rng: Rng, setting: Setting) -> Track:
    """A small disc that moves in its own direction, as fast as the labelled things."""
    extent = setting.px(rng.uniform(*DISTRACTOR_PX))
    step = any_direction(rng, setting.speed_px(rng))
    boxes = bouncing(rng, setting, extent, np.tile(step, (setting.num_frames - 1, 1)))
    kind = str(rng.choice(["blobs", "grain"]))
    look = Look(kind, draw_seed(rng), setting.difficulty.patch_contrast, shape="disc")
    return Track("distractor", boxes, look)
