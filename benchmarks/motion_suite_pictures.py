"""Draw the pictures of docs/motion-suite.md.

Run `python benchmarks/motion_suite_pictures.py [FOOTAGE]`. It draws a sheet of each task with
medium difficulty, and one of a task on all three difficulties; with footage also sheets
of windows over it and of hands before it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from motionlens.synthetic.motion_suite.samples import draw_samples
from motionlens.synthetic.motion_suite.scenes import DIFFICULTIES
from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.synthetic.motion_suite.tasks import TASKS

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "motion-suite"
SEED = 5


def draw_difficulties(path: Path) -> None:
    """The same class of direction, one strip a difficulty."""
    strips = []
    for name in DIFFICULTIES:
        suite = MotionSuite("direction", name, seed=SEED)
        i = next(i for i in range(8) if suite.class_names[suite.label("train", i)] == "right")
        frames, _ = suite.clip("train", i)
        padded = np.pad(frames, ((0, 0), (0, 2), (0, 2), (0, 0)), constant_values=255)
        strips.append(np.concatenate(list(padded), axis=1))
    sheet = Image.new("RGB", (112 + strips[0].shape[1], sum(map(len, strips))), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (name, strip) in enumerate(zip(DIFFICULTIES, strips, strict=True)):
        sheet.paste(Image.fromarray(strip), (112, place * len(strip)))
        pen.text((4, place * len(strip) + 26), name, fill="black")
    save(sheet, path)


def draw_kinds(task: str, path: Path, footage: Sequence[str] = ()) -> None:
    """One class of each kind of path, every other frame."""
    suite = MotionSuite(task, "medium", seed=SEED, footage=footage)
    # The first of a kind: loop_clockwise of the loops.
    kinds = {name.split("_")[0]: name for name in reversed(suite.class_names)}
    names = [name for name in suite.class_names if name in kinds.values()]
    sheet = np.asarray(draw_samples(suite))
    cell = suite.setting.size + 2
    rows = [
        sheet[label * cell : (label + 1) * cell] for label in map(suite.class_names.index, names)
    ]
    left = sheet.shape[1] - 16 * cell
    frames = [np.s_[:, left + t * cell : left + (t + 1) * cell] for t in range(0, 16, 2)]
    strips = [np.concatenate([row[:, :112], *(row[f] for f in frames)], axis=1) for row in rows]
    save(Image.fromarray(np.concatenate(strips)), path)


def draw_moving(task: str, path: Path) -> None:
    """A film with one clip of each class side by side, in the order of the classes."""
    suite = MotionSuite(task, "easy", seed=SEED, num_frames=16)
    clips = dict(suite.clip("train", i)[::-1] for i in range(len(suite.class_names)))
    strip = np.concatenate(
        [np.pad(clips[label], ((0, 0), (0, 0), (0, 4), (0, 0))) for label in sorted(clips)], axis=2
    )
    height, width = strip.shape[1:3]
    large = (width * 2, height * 2)
    films = [Image.fromarray(f).convert("L").resize(large, Image.Resampling.NEAREST) for f in strip]
    films = [film.quantize(4) for film in films]
    films[0].save(path, save_all=True, append_images=films[1:], duration=80, loop=0)


def save(sheet: Image.Image, path: Path) -> None:
    """With few colours, for small files."""
    sheet.quantize(96).save(path, optimize=True)


def main() -> None:
    """Draw all sheets."""
    OUT.mkdir(parents=True, exist_ok=True)
    for task in TASKS:
        if task.startswith("path"):
            draw_kinds(task, OUT / f"{task}.png")
        elif task == "noise_shape":  # of which a picture shows nothing
            draw_moving(task, OUT / f"{task}.gif")
        elif task not in ("direction8", "noise_direction"):  # which show no more than others
            save(draw_samples(MotionSuite(task, "medium", seed=SEED)), OUT / f"{task}.png")
    draw_difficulties(OUT / "difficulties.png")
    if footage := sys.argv[1:]:
        suite = MotionSuite("camera", "medium", seed=SEED, footage=footage)
        save(draw_samples(suite), OUT / "camera_footage.png")
        draw_kinds("path_in_view", OUT / "path_in_view_footage.png", footage)


if __name__ == "__main__":
    main()
