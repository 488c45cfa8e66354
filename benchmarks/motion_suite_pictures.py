"""Draw the pictures of docs/motion-suite.md.

Run `python benchmarks/motion_suite_pictures.py [FOOTAGE]`. It draws a sheet of each task with
medium difficulty, and one of a task on all three difficulties; with footage also one
of windows over it.
"""

from __future__ import annotations

import sys
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


def save(sheet: Image.Image, path: Path) -> None:
    """With few colours, for small files."""
    sheet.quantize(96).save(path, optimize=True)


def main() -> None:
    """Draw all sheets."""
    OUT.mkdir(parents=True, exist_ok=True)
    for task in TASKS:
        if task != "direction8":  # shows no more than direction
            save(draw_samples(MotionSuite(task, "medium", seed=SEED)), OUT / f"{task}.png")
    draw_difficulties(OUT / "difficulties.png")
    if footage := sys.argv[1:]:
        suite = MotionSuite("camera", "medium", seed=SEED, footage=footage)
        save(draw_samples(suite), OUT / "camera_footage.png")


if __name__ == "__main__":
    main()
