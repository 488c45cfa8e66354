"""Write a data set of generated videos whose classes only motion tells apart."""

import argparse
from collections.abc import Sequence
from typing import Any

from motionlens._utils.progress import progress
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.synthetic.motion_suite.long_writing import write_long_videos
from motionlens.synthetic.motion_suite.tasks import TASKS
from motionlens.synthetic.motion_suite.writing import SAMPLES_FILE, write_task

# Names of classes in the list of tasks.
_MOST_NAMES = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("task", nargs="?", help="which; --list shows all")
    parser.add_argument("out", nargs="?", help="folder for the data set")
    parser.add_argument("--list", action="store_true", help="show the tasks and end")
    shared.add_options(parser, write_task, difficulty={"choices": None})
    parser.add_argument(
        "--long_s",
        type=float,
        help="write videos of so many seconds instead, in which num_train and num_validation "
        "actions happen now and then, with annotations: for finding actions",
    )


def run(args: argparse.Namespace) -> int:
    """Write the data set; print counts and the next command."""
    if args.list:
        _print_tasks()
        return 0
    if args.task is None or args.out is None:
        raise ValueError(
            "task and out must be given: motionlens motion TASK OUT; --list shows tasks"
        )
    if args.long_s is not None:
        return _write_long(args)
    with progress("clips") as show:
        report = shared.call(write_task, args, folder=args.out, on_progress=show)
    counts = ", ".join(f"{number:,} {part}" for part, number in report.num_videos.items())
    print(f"{counts} clips, {report.num_bytes / 1e6:,.1f} MB in {report.out}")
    print(f"{len(report.class_names)} classes: {', '.join(report.class_names)}")
    print(f"one clip of each: {report.out / SAMPLES_FILE}")
    # Dense with stride 1: a longer step would want more frames than there are.
    clip = f"--clip.num_frames {report.num_frames} --clip.frame_stride 1 --clip.size {args.size}"
    print(f"next: motionlens train --data {report.out} {clip} --out RUN")
    return 0


def _write_long(args: argparse.Namespace) -> int:
    """Write long videos with annotations; print counts and the next commands."""
    defaults: dict[str, Any] = {"num_test": 0, "num_frames": None, "footage": []}
    defaults |= {"growth": None, "hidden": None, "classes": []}
    for name, default in defaults.items():
        if (getattr(args, name) or default) != default:
            raise ValueError(f"{name} is of clips, long videos have none; leave it out")
    with progress("videos") as show:
        report = shared.call(write_long_videos, args, folder=args.out, on_progress=show)
    videos = ", ".join(
        f"{number} {part} videos with {report.num_actions[part]} actions"
        for part, number in report.num_videos.items()
    )
    print(f"{videos}, {report.num_bytes / 1e6:,.1f} MB in {report.out}")
    lists = f"--data {report.out}/train.csv --validation {report.out}/validation.csv"
    print(f"next: motionlens train {lists} --listing.background background --out RUN")
    print("      motionlens evaluate RUN --events")
    return 0


def _print_tasks() -> None:
    rows = [(name, task.description, _some(task.class_names)) for name, task in TASKS.items()]
    Output().print(console_table(("task", "what it asks", "classes"), rows, left=range(3)))


def _some(names: Sequence[str]) -> str:
    """All names, or of many their number and the first ones."""
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return f"{len(names)}: {', '.join(names[:_MOST_NAMES])} and so on"
