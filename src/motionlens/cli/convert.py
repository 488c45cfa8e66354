"""Turn the authors' TensorFlow weights into a recognizer.

Reading a checkpoint needs TensorFlow: pip install '.[tensorflow]'. A tensorpack .npz of
ImageNet, which their training starts from, needs nothing more.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens._utils.errors import one_line
from motionlens.cli._arguments import add_k

if TYPE_CHECKING:
    from motionlens.inference.card import ModelCard

# The authors' networks for Jester, with 27 classes, take 112 pixels and do not stride in the stem.
SMALL = {"classes": 27, "size": 112, "stem_stride": 1}
LARGE = {"size": 224, "stem_stride": 2}


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument("checkpoint", help="model-0.ckpt (or one of its files), or a .npz")
    parser.add_argument("out", help="folder for the recognizer")
    parser.add_argument("--model", required=True, help="network, such as cpnet_resnet34")
    parser.add_argument("--labels", help="text file, one label a line in the order of the logits")
    parser.add_argument("--num_classes", type=int, help="if there are no --labels: 0, 1, 2, ...")
    parser.add_argument(
        "--size", type=int, help="pixels; 112 for 27 classes (Jester), else 224 if not given"
    )
    parser.add_argument(
        "--stem_stride",
        type=int,
        help="1 up to 112 pixels, else 2 if not given",
    )
    parser.add_argument("--short_side", type=int, help="before the crop, pixels; size if not given")
    parser.add_argument("--num_frames", type=int, default=12, help="frames of a clip")
    parser.add_argument("--frame_stride", type=int, default=2, help="step between them")
    parser.add_argument("--prefix", default="", help="take the variables below it alone")
    parser.add_argument("--overwrite", action="store_true", help="replace a recognizer in OUT")
    add_k(parser)


def run(args: Any) -> int:
    """Convert, and say what was loaded and under which licence."""
    from motionlens._utils.files import check_writable

    card = _card(args)
    check_writable(args.out)
    out = Path(args.out)
    from motionlens.inference.checkpoint import CARD_FILE, WEIGHTS_FILE

    if any((out / name).exists() for name in (CARD_FILE, WEIGHTS_FILE)) and not args.overwrite:
        raise ValueError(
            f"out must not hold a recognizer yet, {out} does; name another folder "
            "or add --overwrite"
        )
    from motionlens.inference.conversion import convert
    from motionlens.inference.recognizer import Recognizer

    converted = convert(args.checkpoint, card, prefix=args.prefix)
    Recognizer(converted.model, card).save_pretrained(out)
    for line in converted.lines:
        print(line)
    size = card.preprocessing.size
    print(
        f"{out} holds a {card.model} for {len(card.class_names)} classes, clips of "
        f"{args.num_frames} frames with stride {args.frame_stride}, {size}x{size} pixels"
    )
    print(_licence_notice(card))
    if converted.is_complete:
        print(f"next: motionlens predict {out} VIDEO...")
    else:
        print(f"next: motionlens train --init {out} --model {card.model} ...")
    return 0


def _card(args: Any) -> ModelCard:
    from motionlens.clips.preprocessing import Preprocessing
    from motionlens.clips.sampling import Sampling
    from motionlens.inference.card import ModelCard
    from motionlens.models.registry import model_options
    from motionlens.models.weights.official import LICENSE

    names = _class_names(args.labels, args.num_classes)
    small = len(names) == SMALL["classes"]
    size = args.size or (SMALL if small else LARGE)["size"]
    stem_stride = args.stem_stride or (SMALL if size <= SMALL["size"] else LARGE)["stem_stride"]
    options = {"conventions": "official", "stem_stride": stem_stride}
    if args.k is not None:
        options["k"] = args.k
    return ModelCard(
        model=args.model,
        options=model_options(args.model, **options),
        class_names=names,
        license="" if args.checkpoint.endswith(".npz") else LICENSE,
        sampling=Sampling(args.num_frames, args.frame_stride),
        preprocessing=Preprocessing(size, args.short_side or size),
    )


def _class_names(labels: str | None, num_classes: int | None) -> tuple[str, ...]:
    if labels is None:
        if num_classes is None:
            raise ValueError("labels or num_classes must be given; the weights hold no names")
        return tuple(str(number) for number in range(num_classes))
    try:
        lines = Path(labels).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"labels must be a text file: {one_line(error)}") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if num_classes is not None and len(names) != num_classes:
        raise ValueError(
            f"labels must hold one line a class, {num_classes}, got {len(names)} in {labels}"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"labels must be distinct, {labels} holds {twice[0]!r} more than once")
    return names


def _licence_notice(card: ModelCard) -> str:
    if not card.license:
        return (
            "licence: motionlens does not know that of this file; look where you got it before you "
            "pass on what was made of it"
        )
    return (
        f"licence: {card.license}, as the authors' code and weights: attribution, no commercial "
        "use, share alike; it goes with what is fine-tuned from it"
    )
