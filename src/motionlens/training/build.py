"""What a training run is made of before it starts: model card, trial clip, loaders, summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from motionlens._utils.cores import resolve_num_workers
from motionlens._utils.distributed import rank, world_size
from motionlens._utils.errors import one_line
from motionlens.clips.augmentation import ClipTransform, ColorJitter
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.symmetries import LabelSymmetries
from motionlens.clips.training_loader import ClipDataset, build_loader
from motionlens.clips.video_index import VideoIndex
from motionlens.inference.card import ModelCard
from motionlens.models.registry import model_defaults, model_options
from motionlens.training.recipe import Recipe

Loaders = tuple[DataLoader[Any], DataLoader[Any]]


def make_card(
    recipe: Recipe,
    class_names: tuple[str, ...],
    start: ModelCard | None = None,
    *,
    multi_label: bool = False,
) -> ModelCard:
    """The card of the recognizer that a recipe trains, the model's defaults filled in.

    Args:
        recipe: what it says goes first.
        class_names: of the data.
        start: card of the recognizer that training starts from. Its licence goes with the
            weights, and its options and clips come before a model's defaults if it is of the same
            model.
        multi_label: whether a video may show several classes.

    Raises:
        ValueError: If the model is unknown, there are fewer than 2 classes, or the clip's short
            side is below its size.
    """
    if len(class_names) < 2:
        raise ValueError(
            f"data must have at least 2 classes, got {len(class_names)}: {', '.join(class_names)}; "
            "put the videos of each class into a folder of its own"
        )
    clip, options = recipe.clip, recipe.resolved_model_options()
    defaults = model_defaults(recipe.model)
    sampling = Sampling(defaults.num_frames, defaults.frame_stride)
    preprocessing = Preprocessing(defaults.size, defaults.size)
    if start is not None and start.model == recipe.model:
        sampling, preprocessing = start.sampling, start.preprocessing
        options = {**start.options, **options}
    size = clip.size or preprocessing.size
    own_short_side = preprocessing.short_side if size == preprocessing.size else size
    return ModelCard(
        model=recipe.model,
        options=model_options(recipe.model, **options),
        class_names=class_names,
        multi_label=multi_label,
        license=start.license if start else "",
        sampling=Sampling(
            clip.num_frames or sampling.num_frames,
            clip.frame_stride or sampling.frame_stride,
            mode=clip.mode,
        ),
        preprocessing=Preprocessing(size, clip.short_side or own_short_side),
    )


def build_model(card: ModelCard) -> nn.Module:
    """The card's network with fresh weights, which has taken one empty clip without complaint.

    Raises:
        ValueError: If the network refuses an option, or clips of that size and length, as it does
            where k is greater than the number of positions in other frames.
    """
    try:
        model = card.build()
    except TypeError as error:
        raise ValueError(f"model_options must fit {card.model}: {one_line(error)}") from None
    clip = torch.zeros(1, *card.clip_shape)
    with torch.inference_mode():
        model.eval()(clip)
    # Lightning trains modules in the mode that it finds them in.
    return model.train()


def make_transform(recipe: Recipe, card: ModelCard, train: VideoIndex) -> ClipTransform:
    """What becomes of the frames of training clips.

    Raises:
        ValueError: If a flip's mapping names an unknown class, or none is known.
    """
    augment = recipe.augment
    return ClipTransform(
        card.preprocessing,
        card.class_names,
        min_area=augment.min_area,
        ratio=augment.ratio,
        colors=ColorJitter(
            brightness=augment.brightness,
            contrast=augment.contrast,
            saturation=augment.saturation,
            hue=augment.hue,
        ),
        symmetries=LabelSymmetries(
            horizontal_flip=_horizontal_flip(recipe, train),
            vertical_flip=augment.vertical_flip,
            time_reversal=augment.time_reversal,
        ),
    )


def make_loaders(
    recipe: Recipe,
    card: ModelCard,
    transform: ClipTransform,
    train: VideoIndex,
    validation: VideoIndex,
) -> Loaders:
    """Loaders of this process's training and validation clips.

    Args:
        recipe: names batch size, workers and seed.
        card: says what a clip is.
        transform: see :func:`make_transform`.
        train: the training videos of all processes.
        validation: likewise.

    Raises:
        ValueError: If classes cannot be balanced.
    """
    sampling, cache = card.sampling, recipe.loader.cache
    dataset = ClipDataset(train, sampling, transform, seed=recipe.seed, cache=cache)
    held_out = ClipDataset(validation, sampling, card.preprocessing, cache=cache)
    common: dict[str, Any] = {
        "batch_size": recipe.optim.batch_size,
        "num_workers": resolve_num_workers(recipe.loader.num_workers),
        "seed": recipe.seed,
        "rank": rank(),
        "world_size": world_size(),
    }
    return (
        build_loader(dataset, shuffle=True, balanced=recipe.loader.balanced, **common),
        build_loader(held_out, shuffle=False, **common),
    )


def _horizontal_flip(recipe: Recipe, train: VideoIndex) -> Mapping[str, str] | None:
    """What swaps when a clip is mirrored, as the recipe or the data set's catalogue says."""
    pairs = recipe.augment.horizontal_flip
    if pairs != "catalog":
        return pairs
    if train.flip_pairs is None:
        raise ValueError(
            f"augment.horizontal_flip is catalog, but no catalogue knows {recipe.data}; prepare "
            "it with 'motionlens prepare', or name the classes that swap"
        )
    return train.flip_pairs


def describe_start(
    model: nn.Module, card: ModelCard, train: VideoIndex, validation: VideoIndex
) -> Iterator[str]:
    """Lines that say what is about to be trained on what."""
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    yield (
        f"{card.model}: {parameters:,} parameters, clips of {card.sampling.num_frames} frames "
        f"of {card.preprocessing.size}x{card.preprocessing.size} pixels"
    )
    yield f"{len(train)} training and {len(validation)} validation videos:"
    width = max(len(name) for name in card.class_names)
    counts = [part.counts() for part in (train, validation)]
    for name in card.class_names:
        yield f"  {name:<{width}}  {counts[0][name]:>6} {counts[1][name]:>6}"
