"""Write a suite as a prepared data set of small videos, with the ground truth.

motion_suite.json    everything that determines the clips; a folder holds one suite
train/000000.mp4     the clips; likewise validation/ and, if any, test/
truth_train.csv      the tracks of all objects, one row per object and frame, in pixels of the view;
                     windows in pixels of the resized footage
train.csv            the list; with dataset.json, see :mod:`motionlens.datasets.prepared`
samples.png          one training clip of each class
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from motionlens._utils.checks import check_at_least
from motionlens._utils.csv_files import write_csv
from motionlens._utils.files import check_writable, write_atomically
from motionlens._utils.process_pool import run_in_processes
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.prepared import (
    PARTS,
    Part,
    PreparedSet,
    claim,
    is_prepared,
    save_description,
    save_part,
)
from motionlens.synthetic.motion_suite.samples import draw_samples
from motionlens.synthetic.motion_suite.scenes import Level
from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.video.writing import encode_exactly

SUITE_FILE = "motion_suite.json"
SAMPLES_FILE = "samples.png"
FPS = 12
TRUTH_COLUMNS = ("path", "object", "role", "frame", "row", "column", "height", "width")

Job = tuple[Part, int]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class SuiteReport:
    """What was written.

    Attributes:
        out: the prepared data set.
        class_names: in the order of the labels.
        num_videos: of each part.
        num_bytes: of all videos.
        num_frames: of each video.
    """

    out: Path
    class_names: tuple[str, ...]
    num_videos: Mapping[Part, int]
    num_bytes: int
    num_frames: int


def write_task(
    task: str,
    folder: str | os.PathLike[str],
    *,
    difficulty: Level = "medium",
    num_train: int = 800,
    num_validation: int = 200,
    num_test: int = 0,
    seed: int = 0,
    num_frames: int | None = None,
    size: int = 64,
    footage: Sequence[str | os.PathLike[str]] = (),
    speed: float | None = None,
    growth: float | None = None,
    hidden: float | None = None,
    classes: Sequence[str] = (),
    fps: int = FPS,
    num_workers: int = 0,
    on_progress: OnProgress | None = None,
) -> SuiteReport:
    """Write a prepared data set of generated videos, and a picture with one clip of each class.

    The same arguments give the same files with any ``num_workers``. An interrupted call goes on
    where it stopped when it is made again; larger numbers add clips and change none. A script that
    uses processes must call this under ``if __name__ == "__main__":``.

    Args:
        task: key of :data:`motionlens.synthetic.motion_suite.tasks.TASKS`.
        folder: made if absent.
        difficulty: easy, medium or hard: speed, number of distractors, contrast and noise.
        num_train: training clips, at least 1; classes take turns.
        num_validation: validation clips, at least 1.
        num_test: test clips; 0 for no test part.
        seed: seed of all random choices.
        num_frames: frames of a clip; not given, the task's own: 8 or, for paths, 16.
        size: rows and columns of a clip, pixels, even.
        footage: videos that patches are cut from, and that windows of camera move over; each part
            uses its own stretch of them.
        speed: pixels per frame in a view of 64 pixels, instead of the difficulty's own.
        growth: factor per frame of what grows or shrinks, instead of the difficulty's own.
        hidden: frames during which reappear shows nothing, instead of 1.5.
        classes: of the task, in this order; all by default.
        fps: frames per second of the videos; speed and growth are per frame.
        num_workers: processes that draw; 0 for this one.
        on_progress: called with the number of clips done and of all.

    Raises:
        ValueError: If an argument is out of range, or ``folder`` cannot be written or holds
            another data set, which stays as it is.
        VideoError: If a video of the footage cannot be read.
        OSError: If the disk is full.
    """
    counts: dict[Part, int] = dict(zip(PARTS, (num_train, num_validation, num_test), strict=True))
    check_at_least(1, num_train=num_train, num_validation=num_validation)
    check_at_least(0, num_test=num_test, num_workers=num_workers)
    folder = Path(folder)
    check_writable(folder, "folder")
    counts = {part: number for part, number in counts.items() if number}
    suite = MotionSuite(
        task,
        difficulty,
        seed=seed,
        num_frames=num_frames,
        size=size,
        footage=tuple(os.fspath(path) for path in footage),
        speed=speed,
        growth=growth,
        hidden=hidden,
        classes=classes,
        parts=tuple(counts),
    )
    check_at_least(1, fps=fps)
    _claim(folder, suite.about if fps == FPS else {**suite.about, "fps": fps})
    jobs = [(part, i) for part, number in counts.items() for i in range(number)]
    paths = {folder / clip_name(*job): job for job in jobs}
    write_missing(paths, partial(_write_video, suite, fps), num_workers, on_progress)
    for part in PARTS:
        if part in counts:
            _write_lists(folder, suite, part, counts[part])
        else:
            for path in (folder / f"{part}.csv", _truth_path(folder, part)):
                path.unlink(missing_ok=True)
    draw_samples(suite).save(folder / SAMPLES_FILE)
    flips = _flips_among(suite.class_names, suite.task.horizontal_flip)
    prepared = PreparedSet(
        name=f"motion-{task}", class_names=suite.class_names, fps=fps, flip_pairs=flips
    )
    save_description(folder, prepared)
    num_bytes = sum((folder / clip_name(*job)).stat().st_size for job in jobs)
    return SuiteReport(
        out=folder,
        class_names=suite.class_names,
        num_videos=counts,
        num_bytes=num_bytes,
        num_frames=suite.setting.num_frames,
    )


def _truth_path(folder: Path, part: Part) -> Path:
    return folder / f"truth_{part}.csv"


def clip_name(part: Part, i: int) -> str:
    """Path of a clip inside its folder, which does not reveal its class."""
    return f"{part}/{i:06}.mp4"


def _flips_among(names: Sequence[str], flips: Mapping[str, str]) -> dict[str, str] | None:
    """The pairs of classes that swap in a mirror; None if one of a pair is not among the names."""
    if any((one in names) != (other in names) for one, other in flips.items()):
        return None
    return {one: other for one, other in flips.items() if one in names}


def _claim(folder: Path, about: Mapping[str, Any]) -> None:
    """Write into a folder which suite it holds, or raise if it holds another."""
    if is_prepared(folder) and not (folder / SUITE_FILE).is_file():
        raise ValueError(f"{folder}: holds another prepared data set; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    if found := claim(folder / SUITE_FILE, about):
        name, value = found
        raise ValueError(
            f"{folder}: holds a motion suite with {name} {value}, not {about.get(name)}; name "
            "another folder or remove it"
        )


def write_missing(
    jobs: Mapping[Path, Any],
    write: Callable[[Path, Any], None],
    num_workers: int,
    on_progress: OnProgress | None,
) -> None:
    """Write the videos of a set that are not there, in processes.

    Args:
        jobs: of every video its path and what says what it shows.
        write: writes one of them; sent to the processes.
        num_workers: processes; 0 for this one.
        on_progress: called with the videos that are there and all of them.

    Raises:
        ChildProcessError: If a process ends that writes one.
    """
    for folder in {path.parent for path in jobs}:
        folder.mkdir(exist_ok=True)
    to_do = [(path, job) for path, job in jobs.items() if not path.is_file()]
    done = len(jobs) - len(to_do)
    if on_progress is not None:
        on_progress(done, len(jobs))
    write_one = partial(_write_one, write)
    with closing(run_in_processes(write_one, to_do, num_workers=num_workers)) as written:
        for number, lost in written:
            if lost is not None:
                raise ChildProcessError(
                    f"the process that wrote {to_do[number][0]} {lost.reason}; run the same "
                    "command again, which goes on there"
                )
            done += 1
            if on_progress is not None:
                on_progress(done, len(jobs))


def _write_one(write: Callable[[Path, Any], None], item: tuple[Path, Any]) -> None:
    write(*item)


def _write_video(suite: MotionSuite, fps: int, path: Path, job: Job) -> None:
    frames, _ = suite.clip(*job)
    write_atomically(path, encode_exactly(frames, fps=fps))


def _write_lists(folder: Path, suite: MotionSuite, part: Part, number: int) -> None:
    names = [clip_name(part, i) for i in range(number)]
    labels = [suite.class_names[suite.label(part, i)] for i in range(number)]
    truth = [
        (name, thing, track.role, frame, *(f"{value:.3f}" for value in track.boxes[frame].tolist()))
        for i, name in enumerate(names)
        for thing, track in enumerate(suite.scene(part, i).tracks)
        for frame in np.flatnonzero(~np.isnan(track.boxes[:, 0])).tolist()
    ]
    write_csv(_truth_path(folder, part), [TRUTH_COLUMNS, *truth])
    entries = [ListEntry(name, label) for name, label in zip(names, labels, strict=True)]
    save_part(folder, part, entries, [suite.setting.num_frames] * number)
