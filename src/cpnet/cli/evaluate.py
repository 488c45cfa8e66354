"""Evaluate a recognizer on labelled videos: accuracies, and a confusion matrix with --out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cpnet.cli._arguments import (
    add_batch_size,
    add_device,
    add_k,
    add_listing,
    given_listing,
    output,
)


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", help="run folder, or a model on the Hugging Face hub")
    parser.add_argument(
        "--data", help="folder of class folders or list file; the run's own data if not given"
    )
    parser.add_argument(
        "--split",
        choices=["train", "validation", "all"],
        help="part of the data; by default the validation part of data that has one or of the "
        "run's own data, else everything",
    )
    parser.add_argument("--out", help="folder for report.json and confusion.png")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_batch_size(parser, 16)
    parser.add_argument("--num_workers", type=int, help="processes that decode")
    add_k(parser)
    add_device(parser)
    add_listing(parser)


def run(args: Any) -> int:
    """Evaluate and print the report."""
    from cpnet.evaluation import evaluate
    from cpnet.prediction import find_checkpoint
    from cpnet.runs import RECIPE_FILE, run_recipe

    folder = find_checkpoint(args.run)
    recipe = run_recipe(folder) if (folder / RECIPE_FILE).is_file() else None
    _check_out(args.out)
    report = evaluate(
        folder,
        args.data,
        split=args.split,
        listing=given_listing(args, recipe.listing if recipe else None),
        batch_size=args.batch_size,
        num_workers=args.num_workers,
        device=args.device,
        k=args.k,
        out=args.out,
        on_progress=_show_progress if sys.stderr.isatty() else None,
    )
    if args.out is not None:
        from cpnet.drawing.confusion import draw_confusion

        draw_confusion(report.confusion, report.class_names, Path(args.out, "confusion.png"))
    if args.json:
        print(report.to_json(), end="")
        return 0
    console = output()
    console.print(report.table())
    if recipe is not None and recipe.keep == "best":
        console.print("The run kept its best epoch: on its validation part this is optimistic.")
    if args.out is not None:
        console.print(f"report.json and confusion.png are in {args.out}")
    return 0


def _check_out(out: str | None) -> None:
    """Find out before the work that its result can be written."""
    if out is None:
        return
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
        probe = Path(out, ".cpnet-probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"out must be a folder that can be written, {out}: {error.strerror}"
        ) from None


def _show_progress(done: int, total: int) -> None:
    print(
        f"\r{done}/{total} videos", end="\n" if done == total else "", file=sys.stderr, flush=True
    )
