"""The authors' TensorFlow weights as one of our networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from torch import nn

from motionlens.inference.card import ModelCard
from motionlens.models.weights.official import load_official
from motionlens.models.weights.tensorflow import read_tensorflow, read_tensorpack
from motionlens.models.weights.transfer import Weights, start_from


class Conversion(NamedTuple):
    """A network with converted weights.

    Attributes:
        model: in inference mode.
        lines: what was and what was not loaded, in words.
        is_complete: whether all of the network is from the file, so that it can be used as it is.
    """

    model: nn.Module
    lines: tuple[str, ...]
    is_complete: bool


def convert(source: str | os.PathLike[str], card: ModelCard, *, prefix: str = "") -> Conversion:
    """Build a card's network and fill it from a file of the authors.

    Args:
        source: a TensorFlow V2 checkpoint, which has to fit in every variable; or a tensorpack
            ``.npz`` of ImageNet, the backbone that the authors start from: CP modules then stay
            the identity, and the head stays fresh unless it has as many classes as the card.
        card: of a network with ``conventions="official"``.
        prefix: take the checkpoint's variables below it alone.

    Raises:
        ImportError: If TensorFlow is needed and not installed.
        ValueError: If the file is damaged or does not fit.
    """
    model, name = card.build(), os.fspath(source)
    if Path(source).suffix == ".npz":
        weights = Weights(
            origin=name,
            variables=read_tensorpack(source),
            model=card.model,
            class_names=card.class_names,
        )
        report = start_from(model, weights, card.class_names)
        return Conversion(model.eval(), tuple(report.lines()), not report.fresh)
    try:
        loaded = load_official(model, read_tensorflow(source), prefix)
    except ValueError as error:
        raise ValueError(f"{name} as {card.model}: {error}") from None
    return Conversion(model.eval(), (f"{name}: {loaded}",), True)
