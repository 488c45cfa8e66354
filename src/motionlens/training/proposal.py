"""What a recipe leaves open, decided from the data: first weights, clips, epochs, the cache."""

import math
import warnings
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from motionlens.clips.sampling import WHOLE
from motionlens.clips.video_index import VideoIndex, normal_name
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_card
from motionlens.models.registry import model_defaults
from motionlens.pretrained import NAMES as BUNDLED
from motionlens.pretrained import PATHS, bundled_path
from motionlens.training.clip_configs import ClipConfig
from motionlens.training.recipe import Recipe
from motionlens.video.frames import VideoError, VideoWarning

Seconds = float | Literal["whole"] | None

# Videos that are opened to learn how long they are.
_MOST_VIDEOS = 60
# Where 9 of 10 videos are no longer than this, each was cut to one motion, seconds.
_TRIMMED_S = 10.0
# Frames per second of a clip that spans its video, as far as their number allows.
_FRAMES_PER_SECOND = 4.0
_LEAST_FRAMES, _MOST_FRAMES = 8, 16
# Steps that small data need, and passes over large data.
_STEPS_FROM_WEIGHTS, _STEPS_FROM_NOTHING, _LEAST_EPOCHS = 1000, 2000, 20
# More of them tell a reader nothing, and where training videos are few they take half of the time.
_MOST_VALIDATIONS = 50
# Training videos that take no more are decoded once and kept in memory.
_MOST_BYTES = 1e9
# Unless they are so long that an epoch, which needs a clip of each, would have as many frames
# decoded for it.
_MOST_FRAMES_PER_EPOCH = 1000


@dataclass(frozen=True)
class Lengths:
    """How long the videos of a data set are.

    Attributes:
        seconds: float64 ``(n,)``, of the videos that were opened, sorted.
        pixels: of all frames of such a video, on average, with a short side of 1 pixel.
        frames: of such a video, on average.
    """

    seconds: NDArray[np.float64]
    pixels: float = 0.0
    frames: float = 0.0

    @property
    def are_trimmed(self) -> bool:
        """Whether the videos were cut to one motion each."""
        return bool(len(self.seconds)) and bool(np.quantile(self.seconds, 0.9) <= _TRIMMED_S)

    def __str__(self) -> str:
        low, middle, high = np.quantile(self.seconds, (0, 0.5, 1))
        return f"{low:.1f} to {high:.1f} s, median {middle:.1f}"


def find_lengths(index: VideoIndex, background: str = "") -> Lengths:
    """The lengths of an index's videos, or of the parts of videos that it names.

    Args:
        index: at most 60 of it, spread over all, are opened; broken ones are left out.
        background: a class that is left out.
    """
    taken = np.arange(len(index))
    if background in index.class_names:
        taken = np.flatnonzero(index.labels != index.class_names.index(background))
    places = np.linspace(0, len(taken) - 1, min(len(taken), _MOST_VIDEOS)).round().astype(int)
    chosen = taken[places]
    seconds, pixels, frames = [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VideoWarning)
        for i in chosen.tolist():
            try:
                with index.open(i) as reader:
                    times = reader.times_s
                    seconds.append(float(times[-1] - times[0]) + 1 / reader.fps)
                    frames.append(len(times))
                    sides = sorted((reader.height, reader.width))
                    pixels.append(len(times) * sides[1] / sides[0])
            except VideoError:
                continue  # training says what is wrong with it
    number = max(len(seconds), 1)
    return Lengths(
        np.sort(np.array(seconds, dtype=np.float64)), sum(pixels) / number, sum(frames) / number
    )


def complete(
    recipe: Recipe, train: VideoIndex, start: ModelCard | None, steps_per_epoch: int
) -> tuple[Recipe, list[str]]:
    """Fill in clips, epochs, validations and the cache where a recipe leaves them open.

    Args:
        recipe: with ``init`` as :func:`with_init` leaves it.
        train: training videos.
        start: card of the recognizer that training starts from. Where the user has named it, clips
            stay as they are in it.
        steps_per_epoch: steps that the training clips make.

    Returns:
        The recipe with nothing left open; and a line on each thing that was decided.
    """
    clip, optim, loader, reasons = recipe.clip, recipe.optim, recipe.loader, []
    defaults = model_defaults(recipe.model)
    num_frames, seconds = defaults.num_frames, cast(Seconds, defaults.seconds)
    size = clip.size or defaults.size
    is_ours = start is not None and start.model == recipe.model
    if is_ours:
        assert start is not None
        num_frames, seconds = start.sampling.num_frames, start.sampling.seconds
        size = clip.size or start.preprocessing.size
    background = normal_name(recipe.listing.background or "")
    lengths = find_lengths(train, background)
    if clip.is_open and (not is_ours or recipe.init in BUNDLED):
        clip, reason = propose_clip(clip, lengths, num_frames, seconds, in_streams=bool(background))
        reasons.append(reason)
    if optim.steps is not None:
        optim = replace(optim, epochs=math.ceil(optim.steps / steps_per_epoch), steps=None)
    elif optim.epochs is None:
        enough = _STEPS_FROM_WEIGHTS if is_ours else _STEPS_FROM_NOTHING
        epochs = max(math.ceil(enough / steps_per_epoch), _LEAST_EPOCHS)
        optim = replace(optim, epochs=epochs)
        reasons.append(
            f"{epochs} epochs of {steps_per_epoch:,} steps (--optim.epochs or --optim.steps "
            "decides otherwise)"
        )
    validate_every = recipe.validate_every
    if validate_every is None:
        validate_every = math.ceil((optim.epochs or 1) / _MOST_VALIDATIONS)
        if validate_every > 1:
            reasons.append(
                f"validates every {validate_every} epochs (--validate_every decides otherwise)"
            )
    if loader.cache is None:
        # Frames are kept as large as the least crop needs them, a byte for each of three colours.
        kept = 3 * lengths.pixels * size**2 / recipe.augment.min_area * len(train)
        is_long = lengths.frames > _MOST_FRAMES_PER_EPOCH * (optim.epochs or 1)
        is_kept = not (background or is_long) and 0 < kept <= _MOST_BYTES
        loader = replace(loader, cache=is_kept)
        if loader.cache:
            reasons.append(
                f"decoded videos stay in memory, about {kept / 1e6:.0f} MB (--loader.cache false "
                "decides otherwise)"
            )
    completed = replace(
        recipe, clip=clip, optim=optim, loader=loader, validate_every=validate_every
    )
    return completed, reasons


def with_init(recipe: Recipe) -> Recipe:
    """A recipe that starts from the bundled weights if it is open, and they suit its network."""
    if recipe.init is not None:
        return recipe
    bundled = load_card(bundled_path(PATHS))
    asked = {**bundled.options, **recipe.resolved_model_options()}
    # Options that say how a network starts, and k, may be any with the same weights.
    free = {"k", "initial_scale"}
    fits = recipe.model == bundled.model and all(
        bundled.options.get(name) == value for name, value in asked.items() if name not in free
    )
    return replace(recipe, init=PATHS) if fits else recipe


def propose_clip(
    clip: ClipConfig,
    lengths: Lengths,
    num_frames: int,
    seconds: Seconds,
    *,
    in_streams: bool = False,
) -> tuple[ClipConfig, str]:
    """Choose how long clips are and how many frames they have; and say why.

    Where videos were cut to one motion each, a clip spans the whole video; where they are long, it
    is as long as the network's own. Where motion is looked for in streams, a clip is as long as
    half of the annotated motions at most.

    Args:
        clip: as the recipe has it.
        lengths: of the training videos.
        num_frames: of the network's own clips.
        seconds: likewise.
        in_streams: whether a class is the background of the others.
    """
    middle = float(np.median(lengths.seconds)) if len(lengths.seconds) else 0.0
    if lengths.are_trimmed and in_streams:
        T = clip.num_frames or _fitting_frames(middle)
        seconds = math.floor(middle * 20) / 20 or middle
        what = f"clips are {seconds:g} s of a video in {T} frames: actions take that long"
    elif lengths.are_trimmed:
        T = clip.num_frames or _fitting_frames(middle)
        seconds, what = WHOLE, f"clips span whole videos in {T} frames: these are short"
    else:
        T = clip.num_frames or num_frames
        what = f"clips are {seconds} s of a video in {T} frames: videos are long"
    found = f" ({lengths})" if len(lengths.seconds) else ""
    return replace(clip, num_frames=T, seconds=seconds), (
        f"{what}{found}; --clip.seconds and --clip.num_frames decide otherwise"
    )


def _fitting_frames(seconds: float) -> int:
    frames = 2 * round(seconds * _FRAMES_PER_SECOND / 2)
    return min(max(frames, _LEAST_FRAMES), _MOST_FRAMES)
