"""The clips of a suite: scene, label and pixels, each from the number of the clip alone."""

import os
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_at_least, check_choice, check_number
from motionlens.datasets.prepared import PARTS, Part
from motionlens.synthetic.motion_suite.camera import draw_camera, picture_side
from motionlens.synthetic.motion_suite.footage import Footage
from motionlens.synthetic.motion_suite.rendering import render
from motionlens.synthetic.motion_suite.scenes import Scene, Setting, find_difficulty
from motionlens.synthetic.motion_suite.tasks import TASKS

LEAST_SIZE, MOST_SIZE = 32, 512
MOST_FRAMES = 64
VERSION = 1
# Separate random streams for the order of labels and for the clips.
_LABEL_STREAM, _CLIP_STREAM = 0, 1


class MotionSuite:
    """Clips of a task; clip ``i`` of a part depends on the seed, the part and ``i`` alone.

    Args:
        task: key of :data:`motionlens.synthetic.motion_suite.tasks.TASKS`.
        difficulty: ``"easy"``, ``"medium"`` or ``"hard"``.
        seed: for everything, at least 0.
        num_frames: T of a clip; None for the task's own, 8 or, for paths, 16.
        size: rows and columns of a clip, even.
        footage: videos for patches and windows.
        speed: pixels per frame in a view of 64 pixels, instead of the difficulty's.
        growth: factor per frame of what grows or shrinks, instead of the difficulty's.
        hidden: frames during which ``reappear`` shows nothing, instead of 1.5.
        classes: of the task, in this order; all if empty.
        parts: the parts that will be used.

    Attributes:
        task: of the suite.
        setting: difficulty, frames and size.
        class_names: in the order of the labels.
        footage: the videos that pictures are cut from; None without.
        about: everything that determines the clips, for JSON.

    Raises:
        ValueError: If a value is out of its range, or the footage is too short.
        VideoError: If a video of the footage cannot be read.

    Example:
        >>> suite = MotionSuite("direction", "easy", seed=1)
        >>> frames, label = suite.clip("train", 0)
        >>> frames.shape, suite.class_names[label] in ("up", "down", "left", "right")
        ((8, 64, 64, 3), True)
    """

    def __init__(
        self,
        task: str,
        difficulty: str = "medium",
        *,
        seed: int = 0,
        num_frames: int | None = None,
        size: int = 64,
        footage: Sequence[str | os.PathLike[str]] = (),
        speed: float | None = None,
        growth: float | None = None,
        hidden: float | None = None,
        classes: Sequence[str] = (),
        parts: Sequence[Part] = PARTS,
    ) -> None:
        check_choice("task", task, TASKS)
        self.task = TASKS[task]
        for name in classes:
            check_choice(f"classes of {task}", name, self.task.class_names)
        self.class_names = tuple(dict.fromkeys(classes)) or self.task.class_names
        least = self.task.least_frames
        num_frames = self.task.usual_frames if num_frames is None else num_frames
        check_number(f"num_frames of {task}", num_frames, least=least, most=MOST_FRAMES)
        if size % 2:
            raise ValueError(f"size must be even, got {size}")
        check_number("size", size, least=LEAST_SIZE, most=MOST_SIZE)
        check_at_least(0, seed=seed)
        if hidden is not None:
            check_choice("task of hidden", task, ["reappear"])
            # Two frames or more on either side show which way a thing went.
            check_number("hidden", hidden, most=num_frames - 4)
        level = find_difficulty(difficulty, speed, growth, hidden)
        self.setting = Setting(difficulty=level, num_frames=num_frames, size=size)
        self.footage = Footage(footage, num_frames, parts) if footage else None
        self._draw = self.task.draw
        if task == "camera" and self.footage is not None:
            size_of = partial(self.footage.size, short_side=picture_side(self.setting))
            self._draw = partial(draw_camera, size_of=size_of)
        self._seed = seed
        self._key = zlib.crc32(task.encode())
        self.about: dict[str, Any] = {
            "version": VERSION,
            "task": task,
            "difficulty": difficulty,
            "speed": speed,
            "seed": seed,
            "num_frames": num_frames,
            "size": size,
            "footage": [[Path(path).name, _num_bytes(Path(path))] for path in footage],
        }
        # Folders from before these options lack the keys.
        later = {"growth": growth, "hidden": hidden, "classes": list(classes) or None}
        self.about |= {name: value for name, value in later.items() if value is not None}

    def label(self, part: Part, i: int) -> int:
        """Label of a clip; each run of as many clips as classes holds every class once."""
        num_classes = len(self.class_names)
        rng = self._rng(_LABEL_STREAM, part, i // num_classes)
        return int(rng.permutation(num_classes)[i % num_classes])

    def scene(self, part: Part, i: int) -> Scene:
        """What a clip shows, before it is drawn."""
        class_name = self.class_names[self.label(part, i)]
        return self._draw(self._rng(_CLIP_STREAM, part, i), self.setting, class_name)

    def clip(self, part: Part, i: int) -> tuple[NDArray[np.uint8], int]:
        """Draw a clip: uint8 ``(T, size, size, 3)``, and its label."""
        return self.draw(self.scene(part, i), part), self.label(part, i)

    def draw(self, scene: Scene, part: Part) -> NDArray[np.uint8]:
        """Draw a scene of a part: uint8 ``(T, size, size, 3)``."""
        return render(scene, self.setting, footage=self.footage, part=part)

    def _rng(self, stream: int, part: Part, i: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, self._key, stream, PARTS.index(part), i])


def _num_bytes(path: Path) -> int:
    """Size of a file, of a frame folder that of its files."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
