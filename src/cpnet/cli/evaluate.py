"""Evaluate a recognizer on labelled videos: accuracies and confusion matrix."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cpnet.cli._arguments import (
    DTYPES,
    add_batch_size,
    add_device,
    add_dtype,
    add_k,
    add_listing,
    given_listing,
    output,
)

# A wider confusion matrix fits no terminal; files hold it all the same.
MAX_PRINTED_CLASSES = 12


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
    parser.add_argument(
        "--out", help="folder for the report and its picture; by default RUN/evaluation"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_batch_size(parser, 16)
    parser.add_argument("--num_workers", type=int, help="processes that decode")
    add_k(parser)
    add_dtype(parser)
    add_device(parser)
    add_listing(parser)


def run(args: Any) -> int:
    """Evaluate and print the report."""
    import torch

    from cpnet._files import check_writable
    from cpnet.evaluation import evaluate
    from cpnet.prediction import find_checkpoint
    from cpnet.runs import RECIPE_FILE, run_recipe

    folder = find_checkpoint(args.run)
    recipe = run_recipe(folder) if (folder / RECIPE_FILE).is_file() else None
    out = args.out or (str(folder / "evaluation") if recipe else None)
    if out is not None:
        check_writable(out)
    report = evaluate(
        folder,
        args.data,
        split=args.split,
        listing=given_listing(args, recipe.listing if recipe else None),
        batch_size=args.batch_size,
        num_workers=args.num_workers,
        device=args.device,
        k=args.k,
        dtype=None if args.dtype == "fp32" else getattr(torch, DTYPES[args.dtype]),
        out=out,
        on_progress=_show_progress if sys.stderr.isatty() else None,
    )
    if out is not None:
        from cpnet.drawing.confusion import draw_confusion

        draw_confusion(report.confusion, report.class_names, Path(out, "confusion.png"))
    if args.json:
        print(report.to_json(), end="")
        return 0
    console = output()
    console.print(report.table())
    if len(report.class_names) <= MAX_PRINTED_CLASSES:
        console.print(report.confusion_table())
    if recipe is not None and recipe.keep == "best":
        console.print("The run kept its best epoch: on its validation part this is optimistic.")
    if out is not None:
        console.print(f"report.json, confusion.csv and confusion.png are in {out}")
    return 0


def _show_progress(done: int, total: int) -> None:
    print(
        f"\r{done}/{total} videos", end="\n" if done == total else "", file=sys.stderr, flush=True
    )
