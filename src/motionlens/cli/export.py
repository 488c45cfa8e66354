"""Write a run's network to one file that runs elsewhere, after a check that it computes the same.

The suffix of the file chooses the format: .onnx, or .pt2 for torch.export and AOTInductor.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens.cli._arguments import output

if TYPE_CHECKING:
    from motionlens.export.parity import Parity
    from motionlens.inference.card import ModelCard


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument("run", help="run folder, or a model on the Hugging Face hub")
    parser.add_argument("out", help="file to write, ending in .onnx or .pt2")
    parser.add_argument(
        "--dynamic_frames",
        action="store_true",
        help="take clips of any number of frames; any number of clips is always taken",
    )
    parser.add_argument("--opset", type=int, help="version of the ONNX operators, default 20")
    parser.add_argument(
        "--aot",
        action="store_true",
        help="compile for this machine's kind of processor (.pt2; needs a C++ compiler)",
    )
    parser.add_argument(
        "--clips", nargs="+", default=[], metavar="FILE", help="videos to check on, besides noise"
    )
    parser.add_argument(
        "--tolerance", type=float, help="largest difference, relative to the outputs' norm"
    )


def run(args: Any) -> int:
    """Export, check, and say what was written."""
    from motionlens.export.exporting import export_recognizer
    from motionlens.export.formats import DEFAULT_OPSET
    from motionlens.export.parity import TOLERANCE, ParityError
    from motionlens.inference.recognizer import Recognizer

    out = Path(args.out)
    if args.opset is not None and out.suffix == ".pt2":
        raise ValueError(f"opset is for .onnx files, got {out.name}; leave it out")
    opset = DEFAULT_OPSET if args.opset is None else args.opset
    recognizer = Recognizer.from_pretrained(args.run)
    try:
        parity = export_recognizer(
            recognizer,
            out,
            dynamic_frames=args.dynamic_frames,
            opset=opset,
            aot=args.aot,
            videos=args.clips,
            tolerance=TOLERANCE if args.tolerance is None else args.tolerance,
        )
    except ParityError as error:
        _print_parity(error.parity)
        raise
    kind = f"ONNX, opset {opset}" if out.suffix == ".onnx" else "torch.export"
    if args.aot:
        kind = "AOTInductor, for processors like this one"
    _print_file(out, kind, recognizer.card, args.dynamic_frames, recognizer.model.num_features)
    _print_parity(parity)
    if not args.clips:
        output().print("No real clips were compared; --clips FILE... names some.")
    return 0


def _print_file(
    out: Path, kind: str, card: ModelCard, dynamic_frames: bool, num_features: Any
) -> None:
    _, T, size, _ = card.clip_shape
    frames = "num_frames" if dynamic_frames else T
    console = output()
    console.print(f"{out}: {kind}, {out.stat().st_size / 1e6:.1f} MB")
    console.print(f"input   clips     float32 (batch, 3, {frames}, {size}, {size})")
    console.print(f"output  logits    float32 (batch, {len(card.class_names)})")
    console.print(f"        features  float32 (batch, {num_features})")


def _print_parity(parity: Parity) -> None:
    from rich.table import Table

    table = Table(title="Exported against original", title_justify="left")
    table.add_column("clips", overflow="fold")
    for heading in ("shape", "largest difference", "relative", "with ties", "rounding"):
        table.add_column(heading, justify="right")
    for row in parity.rows:
        table.add_row(
            row.name,
            "x".join(map(str, row.shape)),
            f"{row.largest:.1e}",
            f"{row.relative:.1e}",
            *("" if x is None else f"{x:.1e}" for x in (row.undithered, row.rounding)),
        )
    console = output()
    console.print(table)
    console.print(f"tolerance {parity.tolerance:g} of the norm of a clip's logits or features")
    if any(row.undithered is not None for row in parity.rows):
        console.print(
            "Real clips are compared with noise of half a grey level: positions that are exactly "
            "alike leave the search a choice."
        )
    if any(row.rounding is not None for row in parity.rows):
        console.print(
            "Clips with an entry under rounding are so flat that a change by a millionth moves the "
            "original, too, by that much. They may differ by twice that, and check little."
        )
