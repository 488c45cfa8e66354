"""The authors' TensorFlow weights as a recognizer."""

import os
from dataclasses import replace
from pathlib import Path

from torch import nn

from motionlens._utils.files import check_writable, read_text
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import CARD_FILE, WEIGHTS_FILE
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.weight_sources import read_weights
from motionlens.models.registry import model_options
from motionlens.models.weights.official import LICENSE, load_official
from motionlens.models.weights.tensorflow import read_tensorflow
from motionlens.models.weights.transfer import start_from

# The authors' networks for Jester, with 27 classes, take 112 pixels; those of up to 112 pixels do
# not stride in the stem.
_JESTER_CLASSES, _SMALL, _LARGE = 27, 112, 224


def convert(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    model: str,
    labels: str | os.PathLike[str] | None = None,
    num_classes: int | None = None,
    size: int | None = None,
    stem_stride: int | None = None,
    short_side: int | None = None,
    num_frames: int = 12,
    frame_stride: int = 2,
    k: int | None = None,
    prefix: str = "",
    overwrite: bool = False,
) -> tuple[ModelCard, list[str], bool]:
    """Make a recognizer from a file of the authors.

    Args:
        checkpoint: a TensorFlow V2 checkpoint, every variable of which must fit; or a tensorpack
            ``.npz`` of ImageNet, the backbone that the authors start from: CP modules then stay
            the identity, and the head stays fresh unless it has as many classes.
        out: folder for the recognizer.
        model: name of the network, such as cpnet_resnet34.
        labels: text file, one label per line in the order of the logits.
        num_classes: number of classes if no labels are given, which are then numbers.
        size: rows and columns of a clip, pixels; by default 112 for 27 classes (Jester), else 224.
        stem_stride: stride of the stem; by default 1 up to 112 pixels, else 2.
        short_side: length that the short side of frames is resized to before the crop, pixels; by
            default the size.
        num_frames: frames of a clip.
        frame_stride: step between the frames of a clip.
        k: proposals per position, instead of the network's own.
        prefix: take only the variables below this name.
        overwrite: replace a recognizer in the folder.

    Returns:
        The recognizer's card; in words, what was loaded and what was not; and whether all of the
        network is from the file, so that it can be used as it is.

    Raises:
        ImportError: If TensorFlow is needed and not installed.
        ValueError: If the file is damaged or does not fit, an argument is out of range, or ``out``
            holds a recognizer that is not to be replaced.
    """
    names = _class_names(labels, num_classes)
    size = size or (_SMALL if len(names) == _JESTER_CLASSES else _LARGE)
    options = {
        "conventions": "official",
        "stem_stride": stem_stride or (1 if size <= _SMALL else 2),
    }
    card = ModelCard(
        model=model,
        options=model_options(model, **options, **({} if k is None else {"k": k})),
        class_names=names,
        license="" if Path(checkpoint).suffix == ".npz" else LICENSE,
        sampling=Sampling(num_frames, frame_stride),
        preprocessing=Preprocessing(size, short_side or size),
    )
    check_writable(out)
    if any(Path(out, name).exists() for name in (CARD_FILE, WEIGHTS_FILE)) and not overwrite:
        raise ValueError(
            f"out must not hold a recognizer yet, {out} does; name another folder "
            "or add --overwrite"
        )
    network = card.build()
    lines, is_complete = _load(network, card, checkpoint, prefix)
    Recognizer(network, card).save_pretrained(out)
    return card, lines, is_complete


def _load(
    network: nn.Module, card: ModelCard, checkpoint: str | os.PathLike[str], prefix: str
) -> tuple[list[str], bool]:
    """Fill a network from the file."""
    name = os.fspath(checkpoint)
    if Path(checkpoint).suffix == ".npz":
        weights, _ = read_weights(checkpoint)
        weights = replace(weights, model=card.model, class_names=card.class_names)
        report = start_from(network, weights, card.class_names)
        return list(report.lines()), not report.fresh
    try:
        loaded = load_official(network, read_tensorflow(checkpoint), prefix)
    except ValueError as error:
        raise ValueError(f"{name} as {card.model}: {error}") from None
    return [f"{name}: {loaded}"], True


def _class_names(labels: str | os.PathLike[str] | None, num_classes: int | None) -> tuple[str, ...]:
    if labels is None:
        if num_classes is None:
            raise ValueError("labels or num_classes must be given; the weights hold no names")
        return tuple(map(str, range(num_classes)))
    lines = read_text(Path(labels), "give a text file with one label per line").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if num_classes is not None and len(names) != num_classes:
        raise ValueError(
            f"labels must hold one line per class, {num_classes}, got {len(names)} in {labels}"
        )
    return names
