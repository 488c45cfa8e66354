"""Train small networks to tell in which direction a fast block moves; needs no data.

The short name of 'motionlens reproduce toy' for one canvas; it trains anew each time.
"""

from pathlib import Path
from typing import Any

from motionlens.cli.reproduce import say, show


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
    """Train, print the table, write numbers and pictures; 1 if some runs failed."""
    from motionlens._utils.tables import Output
    from motionlens.reproduce.experiments import toy

    names = ("models", "seeds", "canvas", "epochs", "k", "offset_scale", "head", "out")
    status = show(toy(**{name: getattr(args, name) for name in names}, say=say))
    out = Path(args.out)
    if (out / "cpnet").is_dir() and (not args.models or "cpnet" in args.models):
        Output().print(f"next: motionlens explain {out / 'cpnet'} {out / 'clips'}", soft_wrap=True)
    return status
