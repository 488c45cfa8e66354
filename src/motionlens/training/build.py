"""What a training run starts from: videos, card, network with its first weights, loaders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from motionlens._utils.cores import resolve_num_workers
from motionlens._utils.distributed import rank, world_size
from motionlens._utils.errors import first_three, one_line
from motionlens._utils.optional import require
from motionlens.clips.augmentation import ClipTransform, ColorJitter
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.symmetries import LabelSymmetries
from motionlens.clips.training_loader import ClipDataset, build_loader
from motionlens.clips.video_index import VideoIndex, normal_name
from motionlens.datasets.parts import open_parts
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import CARD_FILE, load_card
from motionlens.inference.weight_sources import read_weights
from motionlens.models.registry import model_defaults, model_options
from motionlens.models.resnet import VideoResNet
from motionlens.models.weights.transfer import TransferReport, Weights, start_from
from motionlens.training.checkpoint_io import check_checkpoint
from motionlens.training.clip_configs import ClipConfig
from motionlens.training.ddp import planned_processes
from motionlens.training.losses import StepPlan
from motionlens.training.proposal import complete, with_init
from motionlens.training.recipe import RANDOM, Recipe
from motionlens.training.run_folder import CHECKPOINT

Loaders = tuple[DataLoader[Any], DataLoader[Any]]


@dataclass(frozen=True)
class Start:
    """What training starts from.

    Attributes:
        model: with its first weights, in training mode.
        card: of the recognizer that comes out.
        train: training videos.
        validation: validation videos.
        transform: of training clips.
        report: what was loaded into the network; None if nothing was.
        recipe: with nothing left open.
        reasons: lines on what was decided.
    """

    model: nn.Module
    card: ModelCard
    train: VideoIndex
    validation: VideoIndex
    transform: ClipTransform
    report: TransferReport | None
    recipe: Recipe
    reasons: Sequence[str]


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
    recipe = recipe if resume else with_init(recipe)
    weights, start_card = _read_weights(recipe, resume)
    if resume and start_card is not None and start_card.class_names != train.class_names:
        others = first_three(sorted({*start_card.class_names} ^ {*train.class_names}))
        raise ValueError(
            "a resumed run must be of the same model, classes and clip, its data has other "
            f"classes now ({others}); start a new run"
        )
    steps = _steps_per_epoch(recipe, len(train))
    recipe, reasons = complete(recipe, train, start_card, steps)
    card = make_card(recipe, train.class_names, start_card, multi_label=train.targets is not None)
    for name, off in (("time_jitter", 0), ("min_length", 1)):
        if getattr(recipe.augment, name) != off and card.sampling.seconds is None:
            raise ValueError(
                f"augment.{name} moves frames in time, but the clips of this run count frames; "
                f"give clip.seconds, or set augment.{name} to {off}"
            )
    if card.preprocessing.flow_frames:
        require("cv2", "flow")  # before processes that load clips miss it one by one
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
    transform = _transform(recipe, card, train)
    return Start(model, card, train, validation, transform, report, recipe, reasons)


def _steps_per_epoch(recipe: Recipe, num_clips: int) -> int:
    devices, num_nodes = planned_processes(recipe)
    optim = recipe.optim
    return StepPlan(num_clips, optim.batch_size, devices * num_nodes, optim.accumulate).num_steps


def _check_labels(train: VideoIndex, validation: VideoIndex) -> None:
    """Check that every video has a label, unless videos may have none or several."""
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
    if resume:
        # The weights are in the run's own checkpoint. Its card has taken over those of the weights
        # that it started from, and may be older than today's defaults.
        has_card = Path(recipe.out, CARD_FILE).is_file()  # not before its first epoch is finished
        out = Path(recipe.out)
        return None, load_card(out) if has_card else _checkpoint_card(out / CHECKPOINT)
    if recipe.init is None or recipe.init == RANDOM:
        return None, None
    return read_weights(recipe.init)


def _checkpoint_card(path: Path) -> ModelCard:
    try:
        return ModelCard.from_json(check_checkpoint(path)["motionlens"]["card"])
    except (KeyError, TypeError):
        raise ValueError(f"{path} holds no model card; start anew with --overwrite") from None


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
    sampling = Sampling(defaults.num_frames, seconds=defaults.seconds)
    preprocessing = Preprocessing(defaults.size, defaults.size)
    if start is not None and start.model == recipe.model:
        sampling, preprocessing = start.sampling, start.preprocessing
        options = {**start.options, **options}
    background = normal_name(recipe.listing.background or "")
    size = clip.size or preprocessing.size
    own_short_side = preprocessing.short_side if size == preprocessing.size else size
    return ModelCard(
        model=recipe.model,
        options=model_options(recipe.model, **options),
        class_names=class_names,
        multi_label=multi_label,
        background=background if background in class_names else "",
        license=start.license if start else "",
        sampling=_make_sampling(clip, sampling),
        preprocessing=Preprocessing(size, clip.short_side or own_short_side),
    )


def _make_sampling(clip: ClipConfig, defaults: Sampling) -> Sampling:
    """Which frames make a clip: in seconds, unless the recipe or the card to start from counts."""
    T = clip.num_frames or defaults.num_frames
    if clip.mode == "segments":
        return Sampling(T, clip.frame_stride or defaults.frame_stride, mode="segments")
    if clip.frame_stride is not None:
        return Sampling(T, clip.frame_stride)
    if clip.fps is not None:
        return Sampling(T, seconds=T / clip.fps)
    if clip.seconds is not None:
        return Sampling(T, seconds=clip.seconds)
    return Sampling(T, defaults.frame_stride, seconds=defaults.seconds)


def build_model(card: ModelCard) -> nn.Module:
    """The card's network with fresh weights, which has taken one empty clip without complaint.

    Raises:
        ValueError: If an option, or clips of that size and length, do not suit the network: where
            k, for example, is greater than the number of positions in other frames.
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


def make_loaders(recipe: Recipe, start: Start) -> Loaders:
    """Loaders of this process's training and validation clips.

    Args:
        recipe: names batch size, workers and seed.
        start: has the videos of all processes.

    Raises:
        ValueError: If classes cannot be balanced.
    """
    card, cache = start.card, bool(recipe.loader.cache)
    train = ClipDataset(
        start.train,
        card.sampling,
        start.transform,
        seed=recipe.seed,
        cache=cache,
        time_jitter=recipe.augment.time_jitter,
        min_length=recipe.augment.min_length,
    )
    validation = ClipDataset(start.validation, card.sampling, card.preprocessing, cache=cache)
    common: dict[str, Any] = {
        "batch_size": recipe.optim.batch_size,
        "num_workers": resolve_num_workers(recipe.loader.num_workers),
        "seed": recipe.seed,
        "rank": rank(),
        "world_size": world_size(),
    }
    return (
        build_loader(train, shuffle=True, balanced=recipe.loader.balanced, **common),
        build_loader(validation, shuffle=False, **common),
    )


def _transform(recipe: Recipe, card: ModelCard, train: VideoIndex) -> ClipTransform:
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
        rotation=augment.rotation,
        colors=ColorJitter(augment.brightness, augment.contrast, augment.saturation, augment.hue),
        symmetries=LabelSymmetries(
            _horizontal_flip(recipe, train), augment.vertical_flip, augment.time_reversal
        ),
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
