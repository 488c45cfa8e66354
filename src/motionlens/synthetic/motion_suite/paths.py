"""Tasks: which path does it draw? Patches and hands that move along curves."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motionlens.synthetic.motion_suite.curves import draw_curve, sample_curve
from motionlens.synthetic.motion_suite.motions import any_direction, bouncing
from motionlens.synthetic.motion_suite.scenes import (
    Boxes,
    Look,
    Rng,
    Scene,
    Setting,
    Track,
    draw_look,
    draw_seed,
)
from motionlens.synthetic.motion_suite.shapes import SHAPES

Places = NDArray[np.float64]  # (T, 2): row, column

# The longer side of a path, and the side of the thing that draws it.
PATH_PX, DRAWING_PX = (22.0, 38.0), (14.0, 24.0)
# Largest share of the clip's frames that a thing rests before and after its path.
MOST_PAUSE = 0.15
GROUNDS = ("clouds", "curtain", "room", "collage")
BYSTANDER_PX = (7.0, 10.0)


def draw_paths(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """Things on a grid all draw the same path, side by side.

    The place of the grid is uniform within a mesh and stays so when it moves, so every frame shows
    the same in every class, at every time: no place is nearer to what comes.
    """
    extent, path = _path(rng, setting, class_name)
    hands = bool(rng.random() < 0.25)
    # Wider than any path, so that things keep apart; and no arm from beyond the grid is missed.
    mesh = setting.size * (rng.uniform(1.1, 1.2) if hands else rng.uniform(0.7, 1))
    start = rng.uniform(0, mesh, 2)
    drawing = [
        (start + (np.array(cell) - 2) * mesh + path, _look(rng, setting, hands=hands))
        for cell in np.ndindex(5, 5)
    ]
    return _compose(rng, setting, drawing, extent)


def draw_path_in_view(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """One thing, mostly a hand, draws a path that lies in the view as a whole.

    This is how gestures are filmed. Where the thing is may tell a little: a path that must fit in
    the view leads some classes to its borders more often than others.
    """
    extent, path = _path(rng, setting, class_name)
    room = setting.size - extent - (path.max(0) - path.min(0))
    places = path - path.min(0) + rng.uniform(0, 1, 2) * room
    look = _look(rng, setting, hands=bool(rng.random() < 0.75))
    return _compose(rng, setting, [(places, look)], extent)


def _path(rng: Rng, setting: Setting, class_name: str) -> tuple[float, Places]:
    """Side of the thing that draws, and its way around 0, pixels."""
    extent = setting.px(rng.uniform(*DRAWING_PX))
    strokes = draw_curve(rng, class_name)
    path = sample_curve(rng, strokes, setting.num_frames, MOST_PAUSE)
    middle = (path.max(0) + path.min(0)) / 2
    return extent, (path - middle) * setting.px(rng.uniform(*PATH_PX))


def _look(rng: Rng, setting: Setting, *, hands: bool) -> Look:
    look = draw_look(rng, setting)
    return look._replace(shape="hand" if hands else str(rng.choice(list(SHAPES))))


def _compose(
    rng: Rng, setting: Setting, drawing: Sequence[tuple[Places, Look]], extent: float
) -> Scene:
    """Put things that draw between bystanders and occluders; a camera that shakes sees all."""
    difficulty = setting.difficulty
    camera = _camera_path(rng, setting)
    others = [_bystander(rng, setting, camera) for _ in range(difficulty.num_distractors)]
    kind = str(rng.choice(GROUNDS))
    photographed = bool(rng.integers(2))
    ground = Look(_kind(kind, photographed), draw_seed(rng), difficulty.ground_contrast)
    # Either the ground is photographed or the things are, so that they stand out.
    targets = [
        Track(
            "target",
            _boxes(places + camera, extent),
            look._replace(kind=_kind(look.kind, not photographed)),
        )
        for places, look in drawing
    ]
    # An arm may be seen where its hand is not.
    targets = [t for t in targets if t.look.shape == "hand" or _is_seen(t.boxes, setting.size)]
    walls = [
        _occluder(rng, setting, camera)
        for _ in range(int(rng.integers(difficulty.num_occluders + 1)))
    ]
    time = np.linspace(0, rng.uniform(0.2, 1.5), setting.num_frames) + rng.uniform()
    light = 1 + rng.uniform(0, difficulty.light) * np.sin(2 * np.pi * time)
    scenery = Track("ground", _boxes(camera, setting.size), ground)
    return Scene(
        tracks=(scenery, *others, *targets, *walls),
        ground=ground,
        ground_path=camera,
        seed=draw_seed(rng),
        light=light,
        blur=setting.px(rng.uniform(0, difficulty.blur_px)),
    )


def _kind(kind: str, photographed: bool) -> str:
    plain = kind.removeprefix("photo or ")
    return f"photo or {plain}" if photographed else plain


def _camera_path(rng: Rng, setting: Setting) -> Places:
    """By how much everything is shifted: a slow drift and a shake."""
    difficulty, num_frames = setting.difficulty, setting.num_frames
    furthest = setting.px(4 * rng.uniform(0, difficulty.ground_speed_px))
    drift = np.linspace(-0.5, 0.5, num_frames)[:, None] * any_direction(rng, furthest)
    return drift + setting.px(difficulty.shake_px) * rng.standard_normal((num_frames, 2))


def _bystander(rng: Rng, setting: Setting, camera: Places) -> Track:
    """A small disc that stands, or moves straight on."""
    extent = setting.px(rng.uniform(*BYSTANDER_PX))
    step = any_direction(rng, setting.speed_px(rng) / 2) * int(rng.integers(2))
    boxes = bouncing(rng, setting, extent, np.tile(step, (setting.num_frames - 1, 1)))
    boxes[:, :2] += camera
    return Track("distractor", boxes, draw_look(rng, setting)._replace(shape="disc"))


def _occluder(rng: Rng, setting: Setting, camera: Places) -> Track:
    """A bar across the view, or part of it."""
    thin, long = setting.px(rng.uniform(4, 9)), setting.px(rng.uniform(20, 90))
    height, width = rng.permutation([thin, long])
    middle = rng.uniform(0, setting.size, 2)
    boxes = _boxes(camera + middle - [height / 2, width / 2], 0)
    boxes[:, 2:] = height, width
    return Track("occluder", boxes, draw_look(rng, setting))


def _is_seen(boxes: Boxes, size: int) -> bool:
    return bool(((boxes[:, :2] < size) & (boxes[:, :2] + boxes[:, 2:] > 0)).all(1).any())


def _boxes(places: Places, extent: float) -> Boxes:
    return np.concatenate([places, np.full_like(places, extent)], axis=1)
