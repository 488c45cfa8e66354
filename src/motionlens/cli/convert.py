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
    parser.add_argument("--model", required=True, help="network, such as cpnet_resnet34")
    parser.add_argument("--labels", help="text file, one label per line in the order of the logits")
    parser.add_argument("--num_classes", type=int, help="without --labels: 0, 1, 2, ...")
    parser.add_argument(
        "--size", type=int, help="pixels; by default 112 for 27 classes (Jester), else 224"
    )
    parser.add_argument("--stem_stride", type=int, help="by default 1 up to 112 pixels, else 2")
    parser.add_argument(
        "--short_side", type=int, help="of frames before the crop, pixels; by default the size"
    )
    parser.add_argument("--num_frames", type=int, help="frames of a clip")
    parser.add_argument("--frame_stride", type=int, help="step between the frames of a clip")
    parser.add_argument("--prefix", help="take only the variables below it")
    parser.add_argument("--overwrite", action="store_true", help="replace a recognizer in OUT")
    shared.add_k(parser)
    shared.use_defaults(parser, convert)


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
