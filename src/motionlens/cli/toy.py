"""Train small networks to tell in which direction a fast block moves; needs no data.

The short name of 'motionlens reproduce toy' for one canvas; it trains anew each time.
"""

import argparse
from pathlib import Path

from motionlens._utils.tables import Output
from motionlens.cli import _arguments as shared
from motionlens.cli.reproduce import say, show
from motionlens.reproduce.experiments import toy
from motionlens.synthetic.toy import CLASS_NAMES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_options(parser, toy)


def run(args: argparse.Namespace) -> int:
    """Train, print the table, write numbers and pictures; 1 if some runs failed."""
    status = show(shared.call(toy, args, say=say))
    out = Path(args.out)
    chance = 100 // len(CLASS_NAMES)
    Output().print(
        "curves.png shows validation accuracy after each epoch, one line per system, the mean of "
        f"its seeds. The dotted line is chance, {chance} %: what stays there cannot see how the "
        "block moves."
    )
    if (out / "cpnet").is_dir() and (not args.models or "cpnet" in args.models):
        Output().print(f"next: motionlens explain {out / 'cpnet'} {out / 'clips'}", soft_wrap=True)
    return status
