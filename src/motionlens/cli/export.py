"""Write a run's network to one file that runs elsewhere, after a check that it computes the same.

The suffix of the file chooses the format: .onnx, or .pt2 for torch.export and AOTInductor.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.export.exporting import export_recognizer
from motionlens.export.formats import DEFAULT_OPSET
from motionlens.export.parity import ClipParity, ParityError
from motionlens.inference.recognizer import Recognizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", help="run folder, or a model on the Hugging Face hub")
    parser.add_argument("out", help="file to write, ending in .onnx or .pt2")
    videos = {"option": "clips", "metavar": "FILE"}
    shared.add_options(parser, export_recognizer, videos=videos)


def run(args: argparse.Namespace) -> int:
    """Export, check, and say what was written."""
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


def _print_file(out: Path, recognizer: Recognizer, args: argparse.Namespace) -> None:
    kind = f"ONNX, opset {args.opset or DEFAULT_OPSET}" if out.suffix == ".onnx" else "torch.export"
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
