"""Write long videos with annotations, for finding actions in them.

long_videos.json    everything that determines the videos; a folder holds one such set
train/000.mp4       the videos; likewise validation/
train.csv           path,start,end,label: a row per action; of a video without actions a row with
                    its path alone. Likewise validation.csv
"""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from motionlens._utils.checks import check_at_least, check_choice, check_number
from motionlens._utils.csv_files import write_csv
from motionlens._utils.files import check_writable, write_atomically
from motionlens.datasets.prepared import PARTS, Part, claim, is_prepared
from motionlens.synthetic.motion_suite.long_scenes import (
    ACTION_S,
    LEAST_GAP_S,
    SECONDS_PER_ACTION,
    LongVideo,
    draw_long,
)
from motionlens.synthetic.motion_suite.scenes import Level, Setting, find_difficulty
from motionlens.synthetic.motion_suite.tasks import TASKS
from motionlens.synthetic.motion_suite.writing import FPS, SUITE_FILE, write_missing
from motionlens.video.writing import encode_exactly

LONG_FILE = "long_videos.json"
VERSION = 1
LEAST_S, MOST_S = ACTION_S[1] + 2 * LEAST_GAP_S + 1, 600.0
# Of so many videos the last shows no action.
EMPTY_EVERY = 5

LongTask = Literal["direction"]
Job = tuple[Part, int, int]  # part, number of the video and of its actions


@dataclass(frozen=True, kw_only=True)
class LongReport:
    """What was written.

    Attributes:
        out: the folder.
        num_videos: of each part.
        num_actions: of each part.
        num_bytes: of all videos.
    """

    out: Path
    num_videos: dict[Part, int]
    num_actions: dict[Part, int]
    num_bytes: int


class LongVideos:
    """Long videos; video ``i`` of a part depends on the seed, the part and ``i`` alone.

    Args:
        task: names the classes.
        setting: difficulty, frames and size.
        seed: for everything.
        fps: frames per second.
    """

    def __init__(self, task: LongTask, setting: Setting, *, seed: int, fps: int) -> None:
        self.class_names = TASKS[task].class_names
        self.setting, self.fps, self._seed = setting, fps, seed
        self._key = zlib.crc32(f"long {task}".encode())

    def video(self, part: Part, i: int, num_actions: int) -> LongVideo:
        """What a video shows. Classes take turns in it, in any order."""
        rng = np.random.default_rng([self._seed, self._key, PARTS.index(part), i])
        rounds = -(-num_actions // len(self.class_names))
        names = [str(n) for _ in range(rounds) for n in rng.permutation(self.class_names)]
        return draw_long(rng, self.setting, names[:num_actions], self.fps)


def write_long_videos(
    task: str,
    folder: str | os.PathLike[str],
    *,
    long_s: float = 60.0,
    difficulty: Level = "medium",
    num_train: int = 96,
    num_validation: int = 48,
    seed: int = 0,
    size: int = 64,
    speed: float | None = None,
    fps: int = FPS,
    num_workers: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> LongReport:
    """Write long videos in which the patches of a task act now and then, and annotations.

    An action takes 1.5 to 3.5 seconds, one comes in 7.5 seconds on average. In between the patches
    rest, move diagonally, each in its own direction, or back and forth. The camera shakes at times,
    and the light changes. Of five videos one shows no action at all. The same arguments give the
    same files; an interrupted call goes on where it stopped.

    Args:
        task: direction.
        folder: made if absent.
        long_s: length of a video, seconds.
        difficulty: easy, medium or hard: speed, number of distractors, contrast and noise.
        num_train: training actions, at least 1; classes take turns.
        num_validation: validation actions, at least 1.
        seed: seed of all random choices.
        size: rows and columns of a frame, pixels, even.
        speed: pixels per frame in a view of 64 pixels, instead of the difficulty's own.
        fps: frames per second of the videos; speed is per frame.
        num_workers: processes that draw; 0 for this one.
        on_progress: called with the number of videos done and of all.

    Raises:
        ValueError: If an argument is out of range, or ``folder`` cannot be written or holds
            another data set, which stays as it is.
        OSError: If the disk is full.
    """
    check_choice("task of long videos", task, get_args(LongTask))
    check_number("long_s", long_s, least=LEAST_S, most=MOST_S)
    check_at_least(1, num_train=num_train, num_validation=num_validation, fps=fps)
    check_at_least(0, seed=seed, num_workers=num_workers)
    if size % 2:
        raise ValueError(f"size must be even, got {size}")
    check_number("size", size, least=32, most=512)
    folder = Path(folder)
    check_writable(folder, "folder")
    about: dict[str, object] = {
        **{"version": VERSION, "task": task, "long_s": long_s, "difficulty": difficulty},
        **{"speed": speed, "seed": seed, "size": size, "fps": fps},
    }
    _claim(folder, about)
    level = find_difficulty(difficulty, speed)
    setting = Setting(difficulty=level, num_frames=round(long_s * fps), size=size)
    videos = LongVideos("direction", setting, seed=seed, fps=fps)
    counts: dict[Part, int] = {"train": num_train, "validation": num_validation}
    per_video = max(int(long_s / SECONDS_PER_ACTION), 1)
    jobs = {part: _jobs(part, number, per_video) for part, number in counts.items()}
    paths = {folder / _name(job): job for own in jobs.values() for job in own}
    write_missing(paths, partial(_write_video, videos), num_workers, on_progress)
    for part, own in jobs.items():
        write_csv(folder / f"{part}.csv", _rows(videos, own, fps))
    return LongReport(
        out=folder,
        num_videos={part: len(own) for part, own in jobs.items()},
        num_actions=counts,
        num_bytes=sum(path.stat().st_size for path in paths),
    )


def _claim(folder: Path, about: dict[str, object]) -> None:
    if is_prepared(folder) or (folder / SUITE_FILE).is_file():
        raise ValueError(f"{folder}: holds another data set; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    if found := claim(folder / LONG_FILE, about):
        name, value = found
        raise ValueError(
            f"{folder}: holds long videos with {name} {value}, not {about.get(name)}; name another "
            "folder or remove it"
        )


def _jobs(part: Part, num_actions: int, per_video: int) -> list[Job]:
    """The videos of a part, each with the number of its actions."""
    jobs: list[Job] = []
    while num_actions > 0:
        is_empty = len(jobs) % EMPTY_EVERY == EMPTY_EVERY - 1
        number = 0 if is_empty else min(per_video, num_actions)
        jobs.append((part, len(jobs), number))
        num_actions -= number
    if len(jobs) < EMPTY_EVERY:
        jobs.append((part, len(jobs), 0))
    return jobs


def _name(job: Job) -> str:
    return f"{job[0]}/{job[1]:03}.mp4"


def _write_video(videos: LongVideos, path: Path, job: Job) -> None:
    frames = videos.video(*job).draw(videos.setting)
    write_atomically(path, encode_exactly(frames, fps=videos.fps))


def _rows(videos: LongVideos, jobs: list[Job], fps: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [("path", "start", "end", "label")]
    for job in jobs:
        name = _name(job)
        actions = videos.video(*job).actions
        rows += [(name, round(a / fps, 3), round(b / fps, 3), label) for a, b, label in actions]
        if not actions:
            rows.append((name, "", "", ""))
    return rows
