"""Turn the authors' TensorFlow weights into a recognizer.

Reading a checkpoint needs TensorFlow: pip install '.[tensorflow]'. A tensorpack .npz of
ImageNet, which their training starts from, needs nothing more.
"""

import argparse

from motionlens.cli import _arguments as shared
from motionlens.inference.card import ModelCard
from motionlens.inference.conversion import convert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("checkpoint", help="model-0.ckpt (or one of its files), or a .npz")
    parser.add_argument("out", help="folder for the recognizer")
    shared.add_options(parser, convert)


def run(args: argparse.Namespace) -> int:
    """Convert, and say what was loaded and under which licence."""
    card, lines, is_complete = shared.call(convert, args)
    for line in lines:
        print(line)
    size = card.preprocessing.size
    print(
        f"{args.out} holds a {card.model} for {len(card.class_names)} classes, clips of "
        f"{args.num_frames} frames with stride {args.frame_stride}, {size}x{size} pixels"
    )
    print(_licence_notice(card))
    if is_complete:
        print(f"next: motionlens predict {args.out} VIDEO...")
    else:
        print(f"next: motionlens train --init {args.out} --model {card.model} ...")
    return 0


def _licence_notice(card: ModelCard) -> str:
    if not card.license:
        return (
            "licence: motionlens does not know that of this file; check its source before you "
            "distribute anything made from it"
        )
    return (
        f"licence: {card.license}, as the authors' code and weights: attribution, no commercial "
        "use, share alike; it also covers what is fine-tuned from it"
    )
