"""Write a data set of generated videos whose classes only motion tells apart."""

import argparse

from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.cli._progress import progress
from motionlens.synthetic.motion_suite.tasks import TASKS
from motionlens.synthetic.motion_suite.writing import SAMPLES_FILE, write_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("task", nargs="?", help="which; --list shows all")
    parser.add_argument("out", nargs="?", help="folder for the data set")
    parser.add_argument("--list", action="store_true", help="show the tasks and end")
    shared.add_options(parser, write_task, difficulty={"choices": None})


def run(args: argparse.Namespace) -> int:
    """Write the data set; print counts and the next command."""
    if args.list:
        _print_tasks()
        return 0
    if args.task is None or args.out is None:
        raise ValueError(
            "task and out must be given: motionlens motion TASK OUT; --list shows tasks"
        )
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


def _print_tasks() -> None:
    rows = [(name, task.description, ", ".join(task.class_names)) for name, task in TASKS.items()]
    Output().print(console_table(("task", "what it asks", "classes"), rows, left=range(3)))
