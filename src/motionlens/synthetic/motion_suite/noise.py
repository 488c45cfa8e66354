"""Tasks: figures of moving noise on noise, which no frame shows.

Every frame is independent noise in every cell: a figure is a piece of noise that goes along with
it, and all around is drawn anew for each frame. So what two neighbouring frames have in common, and
nothing else, shows the figure, its direction and its shape.
"""

import numpy as np
from numpy.typing import NDArray

from motionlens.synthetic.motion_suite.motions import any_direction, bouncing, passing
from motionlens.synthetic.motion_suite.patches import STEPS
from motionlens.synthetic.motion_suite.scenes import Look, Rng, Scene, Setting, Track, draw_seed
from motionlens.synthetic.motion_suite.shapes import outline

# Side of a cell of noise, and of a figure.
CELL_PX, FIGURE_PX = 2.0, (28.0, 36.0)
FIGURE_SHAPES = ("disc", "ring", "triangle", "cross")
DARKEST, BRIGHTEST = 30.0, 225.0


def draw_noise_direction(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """Two figures of any shape cross the view; what leaves it comes back on the other side."""
    row, column = STEPS[class_name]
    speed = setting.speed_px(rng)
    tracks = []
    for _ in range(2):
        extent = _extent(rng, setting)
        for boxes in passing(rng, setting, extent, (speed * row, speed * column)):
            tracks.append(Track("target", boxes, _look(rng, str(rng.choice(FIGURE_SHAPES)))))
    return _scene(rng, setting, tracks)


def draw_noise_shape(rng: Rng, setting: Setting, class_name: str) -> Scene:
    """One figure moves straight on, and back at the borders."""
    step = any_direction(rng, setting.speed_px(rng))
    steps = np.tile(step, (setting.num_frames - 1, 1))
    boxes = bouncing(rng, setting, _extent(rng, setting), steps)
    return _scene(rng, setting, [Track(class_name, boxes, _look(rng, class_name))])


def draw_noise(scene: Scene, setting: Setting) -> NDArray[np.float32]:
    """Draw the frames of a scene of noise: float32 ``(T, size, size, 3)``, grey, 0 to 255."""
    cell = _cell(setting)
    num_cells = -(-setting.size // cell)
    rng = np.random.default_rng(scene.ground.seed)
    frames = rng.uniform(DARKEST, BRIGHTEST, (setting.num_frames, num_cells, num_cells))
    for track in scene.tracks:
        side = round(np.nanmax(track.boxes[:, 2]) / cell)
        own = np.random.default_rng(track.look.seed)
        shown = outline(track.look.shape, side, side)
        texture = own.uniform(DARKEST, BRIGHTEST, (side, side))
        for t in np.flatnonzero(~np.isnan(track.boxes[:, 0])).tolist():
            kept = shown & (own.random((side, side)) >= setting.difficulty.redrawn)
            rows, columns = np.nonzero(kept)
            top, left = np.rint(track.boxes[t, :2] / cell).astype(int)
            inside = (np.minimum(rows + top, columns + left) >= 0) & (
                np.maximum(rows + top, columns + left) < num_cells
            )
            rows, columns = rows[inside], columns[inside]
            frames[t, rows + top, columns + left] = texture[rows, columns]
    large = frames.repeat(cell, 1).repeat(cell, 2)[:, : setting.size, : setting.size, None]
    return large.repeat(3, 3).astype(np.float32)


def _scene(rng: Rng, setting: Setting, tracks: list[Track]) -> Scene:
    still = np.zeros((setting.num_frames, 2))
    ground = Look("noise", draw_seed(rng), 1.0)
    return Scene(tracks=tuple(tracks), ground=ground, ground_path=still, seed=draw_seed(rng))


def _look(rng: Rng, shape: str) -> Look:
    return Look("noise", draw_seed(rng), 1.0, shape)


def _cell(setting: Setting) -> int:
    return max(round(setting.px(CELL_PX)), 1)


def _extent(rng: Rng, setting: Setting) -> float:
    """Side of a figure, whole cells."""
    cell = _cell(setting)
    return float(cell * round(setting.px(rng.uniform(*FIGURE_PX)) / cell))
