"""Long videos of the motion suite: now and then the patches move together, in a direction.

In between they rest, or move in ways that belong to no class. All patches are there all the time,
so that nothing but their motion tells where an action begins and ends.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motionlens.synthetic.motion_suite.motions import any_direction, passing_along
from motionlens.synthetic.motion_suite.patches import NUM_TARGETS, STEPS, TARGET_PX, draw_distractor
from motionlens.synthetic.motion_suite.rendering import render
from motionlens.synthetic.motion_suite.scenes import (
    Look,
    Rng,
    Scene,
    Setting,
    Track,
    draw_look,
    draw_seed,
)

# Lengths of actions, and of stretches of one motion between them, seconds.
ACTION_S, PIECE_S = (1.5, 3.5), (0.8, 2.5)
LEAST_GAP_S = 1.0
# One action in so many seconds on average.
SECONDS_PER_ACTION = 7.5
# How the camera shakes while it does, pixels in a view of 64, and how bright the light may be.
SHAKE_PX = 1.5
LIGHT = (0.55, 1.25)
# Between the actions all rest, move diagonally or back and forth, or each goes its own way.
OTHER_MOTIONS = ("rest", "diagonal", "scatter", "tremble")
_DIAGONALS = [np.array(step) for name, step in STEPS.items() if "_" in name]


@dataclass(frozen=True, kw_only=True)
class LongVideo:
    """A long video before it is drawn.

    Attributes:
        scene: what it shows.
        light: float64 ``(T,)``, factor on the brightness of each frame.
        actions: first frame, last frame and class of each action, in order.
    """

    scene: Scene
    light: NDArray[np.float64]
    actions: tuple[tuple[int, int, str], ...]

    def draw(self, setting: Setting) -> NDArray[np.uint8]:
        """Draw it: uint8 ``(T, size, size, 3)``."""
        frames = render(self.scene, setting)
        for frame, light in zip(frames, self.light.tolist(), strict=True):
            frame[:] = np.clip(np.rint(frame * light), 0, 255)
        return frames


def draw_long(rng: Rng, setting: Setting, class_names: list[str], fps: int) -> LongVideo:
    """Draw a long video.

    Args:
        rng: source of all randomness.
        setting: its frames, size and difficulty.
        class_names: class of each action, in order; none for a video without one.
        fps: frames per second.
    """
    num_frames = setting.num_frames
    actions = _place_actions(rng, num_frames, class_names, fps)
    steps = np.zeros((NUM_TARGETS, num_frames, 2))
    end = 0
    for first, last, class_name in (*actions, (num_frames - 1, num_frames - 1, "")):
        _move_between(rng, setting, steps[:, end + 1 : first + 1], fps)
        if class_name:
            steps[:, first + 1 : last + 1] = setting.speed_px(rng) * np.array(STEPS[class_name])
        end = last
    shake = _shake(rng, setting, fps)
    tracks = [draw_distractor(rng, setting) for _ in range(setting.difficulty.num_distractors)]
    for path in np.cumsum(steps, axis=1):
        extent = setting.px(rng.uniform(*TARGET_PX))
        for boxes in passing_along(rng, setting, extent, path):
            tracks.append(Track("target", boxes, draw_look(rng, setting)))
    for track in tracks:
        track.boxes[:, :2] += shake
    ground = Look("clouds", draw_seed(rng), setting.difficulty.ground_contrast)
    scene = Scene(tracks=tuple(tracks), ground=ground, ground_path=shake, seed=draw_seed(rng))
    return LongVideo(scene=scene, light=_light(rng, num_frames, fps), actions=tuple(actions))


def _place_actions(
    rng: Rng, num_frames: int, class_names: list[str], fps: int
) -> list[tuple[int, int, str]]:
    lengths = np.rint(rng.uniform(*ACTION_S, len(class_names)) * fps).astype(int)
    least = round(LEAST_GAP_S * fps)
    spare = num_frames - 1 - int(lengths.sum()) - least * (len(class_names) + 1)
    if spare < 0:
        raise ValueError(f"{len(class_names)} actions do not fit into {num_frames} frames")
    gaps = least + np.floor(spare * rng.dirichlet(np.full(len(class_names) + 1, 2.0))).astype(int)
    actions, now = [], 0
    for gap, length, class_name in zip(gaps.tolist(), lengths.tolist(), class_names, strict=False):
        actions.append((now + gap, now + gap + length, class_name))
        now += gap + length
    return actions


def _move_between(rng: Rng, setting: Setting, steps: NDArray[np.float64], fps: int) -> None:
    """Fill in the steps ``(targets, frames, 2)`` of a stretch without an action."""
    first = 0
    while first < steps.shape[1]:
        last = first + max(round(rng.uniform(*PIECE_S) * fps), 1)
        piece = steps[:, first:last]
        kind, speed = str(rng.choice(OTHER_MOTIONS)), setting.speed_px(rng)
        if kind == "diagonal":
            piece[:] = speed * _DIAGONALS[int(rng.integers(len(_DIAGONALS)))]
        elif kind == "scatter":
            piece[:] = np.stack([any_direction(rng, speed) for _ in piece])[:, None]
        elif kind == "tremble":
            turns = np.arange(piece.shape[1]) // int(rng.integers(1, 4)) % 2
            piece[:] = any_direction(rng, speed) * np.where(turns, -1, 1)[:, None]
        first = last


def _shake(rng: Rng, setting: Setting, fps: int) -> NDArray[np.float64]:
    """By how much the camera has moved, rows and columns ``(T, 2)``; half of the time it rests."""
    found = np.zeros((setting.num_frames, 2))
    first = 0
    while first < len(found):
        last = first + round(rng.uniform(2, 5) * fps)
        if rng.integers(2):
            piece = found[first:last]
            piece[:] = rng.normal(0, setting.px(SHAKE_PX), piece.shape)
        first = last
    return found


def _light(rng: Rng, num_frames: int, fps: int) -> NDArray[np.float64]:
    """Brightness ``(T,)``: it changes every few seconds, at once or within a second."""
    times, levels, now = [0.0], [1.0], 0.0
    while now < num_frames:
        now += float(rng.uniform(3, 8)) * fps
        change = fps if rng.integers(2) else 1
        times += [now, now + change]
        levels += [levels[-1], float(rng.uniform(*LIGHT))]
        now += change
    return np.interp(np.arange(num_frames), times, levels)
