"""What is about to be trained on what, in lines."""

from collections.abc import Iterator

import numpy as np

from motionlens.clips.sampling import Sampling
from motionlens.clips.symmetries import OPPOSITES, pairs_by_name
from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.frame_rates import are_mixed, describe_rates, find_rates
from motionlens.inference.card import ModelCard
from motionlens.training.build import Start
from motionlens.training.recipe import Recipe


def describe_start(start: Start) -> Iterator[str]:
    """Lines that say what is about to be trained on what."""
    card, train, validation = start.card, start.train, start.validation
    parameters = sum(p.numel() for p in start.model.parameters() if p.requires_grad)
    yield (
        f"{card.model}: {parameters:,} parameters, clips of {card.sampling}, "
        f"{card.preprocessing.size}x{card.preprocessing.size} pixels"
    )
    yield from _describe_rates(card.sampling, train, validation)
    yield f"{_describe_sizes(train, validation)}:"
    width = max(len(name) for name in card.class_names)
    counts = [part.counts() for part in (train, validation)]
    for name in card.class_names:
        yield f"  {name:<{width}}  {counts[0][name]:>6} {counts[1][name]:>6}"
    if card.background:
        yield from _describe_actions(card, train)
    yield from start.report.lines() if start.report else ()
    yield from start.reasons
    yield from _describe_flips(start.recipe, card)


def _describe_flips(recipe: Recipe, card: ModelCard) -> Iterator[str]:
    """Which flips the classes' names suggest that the recipe does not use."""
    for axis in OPPOSITES:
        pairs = pairs_by_name(axis, card.class_names)
        if pairs and getattr(recipe.augment, axis) is None:
            others = [n for n in card.class_names if n not in {*pairs, *pairs.values()}]
            swapped = ", ".join(f"{one}: {other}" for one, other in pairs.items())
            rest = f"; only if {', '.join(others)} look the same flipped" if others else ""
            yield (
                f"{axis.replace('_', ' ')} is not used; --augment.{axis} '{{{swapped}}}' trains on "
                f"flipped clips too{rest}"
            )


def _describe_actions(card: ModelCard, train: VideoIndex) -> Iterator[str]:
    """How long the annotated actions are, and a warning where clips do not suit them."""
    is_action = train.labels != card.class_names.index(card.background)
    length_s = float(np.nanmedian((train.ends_s - np.nan_to_num(train.starts_s))[is_action]))
    yield f"annotated actions take {length_s:.2g} s (median); all else is {card.background}"
    seconds = card.sampling.seconds
    if card.sampling.spans_video:
        yield (
            f"warning: clips are as long as the actions, so streams have to be told how long a "
            f"window is: give clip.seconds {length_s:.2g} or less"
        )
    elif isinstance(seconds, int | float) and seconds > length_s:
        yield (
            f"warning: clips of {seconds:g} s are longer than half of the actions, which are "
            f"trained on alone and streamed with what is around them: give clip.seconds "
            f"{length_s:.2g} or less"
        )


def _describe_sizes(train: VideoIndex, validation: VideoIndex) -> str:
    """How many videos there are, or clips where these are parts of videos."""
    sizes = f"{len(train)} training and {len(validation)} validation"
    if all(np.isnan([part.starts_s, part.ends_s]).all() for part in (train, validation)):
        return f"{sizes} videos"
    numbers = (len(np.unique(part.paths)) for part in (train, validation))
    return f"{sizes} clips of {' and '.join(map(str, numbers))} videos"


def _describe_rates(sampling: Sampling, *parts: VideoIndex) -> Iterator[str]:
    """The frame rates of all videos, and a warning where they spoil counted clips."""
    if not (rates := find_rates(*parts)):
        return
    yield f"frame rates: {describe_rates(rates)}"
    if are_mixed(rates) and sampling.seconds is None and not sampling.spans_video:
        ratio = max(rates) / min(rates)
        yield (
            f"warning: clips count frames (clip.frame_stride {sampling.frame_stride}), and rates "
            f"are mixed: the same motion looks up to {ratio:.1f} times as fast in some videos; "
            "give clip.seconds instead"
        )
