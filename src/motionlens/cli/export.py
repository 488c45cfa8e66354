"""Write a run's network to one file that runs elsewhere, after a check that it computes the same.

The suffix of the file chooses the format: .onnx, or .pt2 for torch.export and AOTInductor.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from motionlens._utils.numbers import counted, percent
from motionlens._utils.progress import progress
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.datasets.source import DataSource
from motionlens.export.exporting import export_recognizer
from motionlens.export.formats import DEFAULT_OPSET
from motionlens.export.int8 import Int8Check, Int8Error, export_int8
from motionlens.export.parity import ClipParity, ParityError
from motionlens.inference.recognizer import Recognizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", help="run folder, or a model on the Hugging Face hub")
    parser.add_argument("out", help="file to write, ending in .onnx or .pt2")
    videos = {"option": "clips", "metavar": "FILE"}
    shared.add_options(parser, export_recognizer, videos=videos)
    parser.add_argument(
        "--int8",
        action="store_true",
        help="write convolutions with 8-bit integers, which is smaller and faster, if the network "
        "still names validation clips as well; the options below are for that",
    )
    _add_int8_options(parser)


def _add_int8_options(parser: argparse.ArgumentParser) -> None:
    names = ("calibrate", "validation", "max_loss", "skip_broken")
    shared.add_options(parser, export_int8, *names, calibrate={"metavar": "DATA"})
    shared.add_listing(parser)


def run(args: argparse.Namespace) -> int:
    """Export, check, and say what was written."""
    if args.int8:
        return _run_int8(args)
    if given := shared.given_options(args, _add_int8_options):
        raise ValueError(f"--{given[0]} is for --int8; add that, or leave it out")
    recognizer = Recognizer.from_pretrained(args.run, device="cpu")
    try:
        parity = shared.call(
            export_recognizer, args, recognizer=recognizer, path=args.out, videos=args.clips or ()
        )
    except ParityError as error:
        _print_parity(error.rows)
        raise
    _print_file(Path(args.out), recognizer, args)
    _print_parity(parity)
    if not args.clips:
        print("No real clips were compared; --clips FILE... names some.")
    return 0


def _run_int8(args: argparse.Namespace) -> int:
    """Export in INT8, compare on validation clips, and say what was written."""
    if args.aot:
        raise ValueError("--aot is for .pt2 files and --int8 for .onnx files; leave one out")
    recognizer = Recognizer.from_pretrained(args.run, device="cpu")
    source = DataSource.of_run(args.run)
    try:
        with progress("videos") as show:
            check = shared.call(
                export_int8,
                args,
                recognizer=recognizer,
                path=args.out,
                source=source,
                listing=shared.given_listing(args, source.listing if source else None),
                videos=args.clips or (),
                on_progress=show,
            )
    except Int8Error as error:
        _print_check(error.check)
        raise
    except ParityError as error:
        _print_parity(error.rows)
        raise
    _print_file(Path(args.out), recognizer, args)
    _print_check(check)
    return 0


def _print_check(check: Int8Check) -> None:
    number = check.num_validation
    rows = [
        (name, f"{right} of {number}", percent(right / number), f"{megabytes:.1f} MB")
        for name, right, megabytes in (
            ("float32", check.right_before, check.megabytes_before),
            ("INT8", check.right_after, check.megabytes_after),
        )
    ]
    headings = ("network", "right", "accuracy", "file")
    Output().print(console_table(headings, rows, title="Named rightly, of the validation clips"))
    print(
        f"{check.same_label} of {counted(number, 'clip')} have the same label; a probability "
        f"changes by {check.largest_change:.3f} at most; ranges are those of "
        f"{counted(check.num_calibration, 'training clip')}."
    )


def _print_file(out: Path, recognizer: Recognizer, args: argparse.Namespace) -> None:
    kind = f"ONNX, opset {args.opset or DEFAULT_OPSET}" if out.suffix == ".onnx" else "torch.export"
    if args.int8:
        kind = f"{kind}, convolutions in INT8"
    if args.aot:
        kind = "AOTInductor, for processors like this one"
    _, T, size, _ = recognizer.card.clip_shape
    frames = "num_frames" if args.dynamic_frames else T
    print(f"{out}: {kind}, {out.stat().st_size / 1e6:.1f} MB")
    print(f"input   clips     float32 (batch, 3, {frames}, {size}, {size})")
    print(f"output  logits    float32 (batch, {len(recognizer.class_names)})")
    print(f"        features  float32 (batch, {recognizer.model.num_features})")


def _print_parity(parity: Sequence[ClipParity]) -> None:
    headings = ("clips", "shape", "largest difference", "relative", "with ties", "rounding")
    rows = [
        (
            row.name,
            "x".join(map(str, row.shape)),
            f"{row.largest:.1e}",
            f"{row.relative:.1e}",
            *("" if x is None else f"{x:.1e}" for x in (row.undithered, row.rounding)),
        )
        for row in parity
    ]
    Output().print(console_table(headings, rows, title="Exported against original"))
    print(f"tolerance {parity[0].tolerance:g} of the norm of a clip's logits or features")
    if any(row.undithered is not None for row in parity):
        print(
            "Real clips are compared with noise of half a grey level: of positions that are "
            "exactly alike, the search may take any."
        )
    if any(row.rounding is not None for row in parity):
        print(
            "Clips with an entry under rounding are so flat that changing them by a millionth "
            "changes the original's output by that much. They may differ by twice that, and show "
            "little."
        )
