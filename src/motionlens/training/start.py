"""What training starts from: videos, network with its first weights, card, transform."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from motionlens.clips.augmentation import ClipTransform
from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.parts import open_parts
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_card
from motionlens.inference.weight_sources import read_weights
from motionlens.models.resnet import VideoResNet
from motionlens.models.weights.transfer import TransferReport, Weights, start_from
from motionlens.training.build import build_model, make_card, make_transform
from motionlens.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Start:
    """What training starts from.

    Attributes:
        model: with its first weights, in training mode.
        card: of the recognizer that comes out.
        train: training videos.
        validation: validation videos.
        transform: of training clips.
        report: what was loaded into the network; None if nothing was.
    """

    model: nn.Module
    card: ModelCard
    train: VideoIndex
    validation: VideoIndex
    transform: ClipTransform
    report: TransferReport | None


def make_start(recipe: Recipe, *, resume: bool = False) -> Start:
    """Open the data and build the network of a recipe, without leaving a trace on disk.

    Args:
        recipe: see :class:`motionlens.training.recipe.Recipe`.
        resume: whether the weights will come from the run's checkpoint.

    Raises:
        ValueError: If the data, the model's options or the weights to start from cannot be used.
    """
    train, validation = open_parts(recipe.source)
    _check_labels(train, validation)
    weights, start_card = _read_weights(recipe, resume)
    card = make_card(recipe, train.class_names, start_card, multi_label=train.targets is not None)
    torch.manual_seed(recipe.seed)
    model = build_model(card)
    report = start_from(model, weights, card.class_names) if weights else None
    if recipe.optim.checkpoint_activations:
        if not isinstance(model, VideoResNet):
            raise ValueError(
                f"optim.checkpoint_activations needs a model of residual blocks, {card.model} has "
                "none; set it to false"
            )
        model.recompute_blocks()
    return Start(
        model=model,
        card=card,
        train=train,
        validation=validation,
        transform=make_transform(recipe, card, train),
        report=report,
    )


def _check_labels(train: VideoIndex, validation: VideoIndex) -> None:
    """Refuse videos whose class nobody has told, unless they may show none at all."""
    for name, part in (("training", train), ("validation", validation)):
        if part.targets is None and not part.is_labelled:
            first = next(i for i in range(len(part)) if part.labels[i] < 0)
            unknown = int((part.labels < 0).sum())
            raise ValueError(
                f"every {name} video must have a label, {unknown} of {len(part)} have none, the "
                f"first is {part.path(first)}; remove them from the list"
            )


def _read_weights(recipe: Recipe, resume: bool) -> tuple[Weights | None, ModelCard | None]:
    """The weights that a run starts from, and the card that says what they are of."""
    if recipe.init is None:
        return None, None
    if resume:
        # The weights are in the run's own checkpoint, and its card has taken over theirs.
        return None, load_card(recipe.out)
    return read_weights(recipe.init)
