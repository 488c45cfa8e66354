"""Train small networks to tell in which direction a fast block moves; needs no data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from motionlens.cli._arguments import output

# Options of the systems with a CP module.
CP_OPTIONS = ("k", "offset_scale", "head")


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument("--models", nargs="+", default=[], help="systems to train; all if left out")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each system")
    parser.add_argument(
        "--canvas",
        choices=["box", "wide"],
        default="box",
        help="box: 32x32, as in the poster; wide: 64x64, no border gives the answer away",
    )
    parser.add_argument("--epochs", type=int, help="instead of each system's own number")
    parser.add_argument("--k", type=int, help="proposals per position, instead of 4")
    parser.add_argument("--offset_scale", type=float, help="factor on offsets, instead of 16")
    parser.add_argument("--head", choices=["max", "avg"], help="pooling of cpnet, instead of max")
    parser.add_argument("--out", default="runs/toy", help="folder for numbers and pictures")


def run(args: Any) -> int:
    """Train, print the table, write numbers and pictures."""
    from motionlens._utils.files import check_writable
    from motionlens._utils.machine import versions
    from motionlens.reproduce.toy import find_systems
    from motionlens.reproduce.toy_recognizer import toy_recognizer, write_toy_clips
    from motionlens.reproduce.toy_report import draw_proposals, notes, toy_table, write_results

    for name in ("seeds", "epochs", "k"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    systems = find_systems(args.models, args.canvas)
    out = Path(args.out)
    check_writable(out)
    runs, trained = _train(systems, args)
    out.mkdir(parents=True, exist_ok=True)
    write_results(out, runs, args.canvas, {"command": _command(args), **versions()})
    pictures = [out / "curves.png"]
    if "cpnet" in trained:
        pictures.append(draw_proposals(out, trained["cpnet"], args.canvas))
        recognizer = toy_recognizer(trained["cpnet"], "cpnet", args.canvas, _cp_options(args))
        recognizer.save_pretrained(out / "cpnet")
        write_toy_clips(out / "clips", args.canvas)
    console = output()
    console.print(toy_table(runs, args.canvas))
    for note in notes(runs):
        console.print(note)
    console.print(f"\nNumbers: {out / 'results.json'}\nPictures: {', '.join(map(str, pictures))}")
    if "cpnet" in trained:
        console.print(f"next: motionlens explain {out / 'cpnet'} {out / 'clips'}", soft_wrap=True)
    return 0


def _train(systems: list[str], args: Any) -> tuple[list[Any], dict[str, Any]]:
    """Train every system with every seed; keep the first seed's networks."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from motionlens.reproduce.toy import build_system, num_epochs, train_system, validation_videos

    options = _cp_options(args)
    for name in systems:
        # All before the first, so that a mistake is met early: k against the grid, for example.
        build_system(name, args.canvas, options)(validation_videos(args.canvas).clips()[:1])
    runs: list[Any] = []
    trained: dict[str, Any] = {}
    total = args.seeds * sum(num_epochs(name, args.canvas, args.epochs) for name in systems)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} epochs"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("toy", total=total)
        for name in systems:
            for seed in range(args.seeds):
                label = f"{name}, seed {seed}"
                bar.update(task, description=label)

                def advance(accuracy: float, label: str = label) -> None:
                    bar.update(task, advance=1, description=f"{label}: {accuracy:.1%}")

                run, model = train_system(
                    name,
                    canvas=args.canvas,
                    seed=seed,
                    epochs=args.epochs,
                    cp_options=options,
                    on_epoch=advance,
                )
                runs.append(run)
                trained.setdefault(name, model)
                if not sys.stderr.isatty():
                    seconds = f"{run.seconds:.0f} s"
                    print(f"{label}: {run.validation[-1]:.1%} after {seconds}", file=sys.stderr)
    return runs, trained


def _cp_options(args: Any) -> dict[str, Any]:
    return {name: getattr(args, name) for name in CP_OPTIONS if getattr(args, name) is not None}


def _command(args: Any) -> str:
    words = ["motionlens toy", f"--canvas {args.canvas}", f"--seeds {args.seeds}"]
    if args.models:
        words.append(f"--models {' '.join(args.models)}")
    words += [
        f"--{n} {getattr(args, n)}" for n in ("epochs", *CP_OPTIONS) if getattr(args, n) is not None
    ]
    return " ".join(words)
