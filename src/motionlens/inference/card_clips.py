"""How a model card says that a video becomes a clip, in the terms of the data layer."""

from __future__ import annotations

from motionlens.clips.sampling import Sampling
from motionlens.clips.transforms import Preprocessing
from motionlens.inference.card import ModelCard
from motionlens.models.registry import model_defaults


def card_sampling(card: ModelCard) -> Sampling:
    """Which frames of a video make a clip."""
    return Sampling(
        num_frames=card.num_frames,
        frame_stride=card.frame_stride,
        mode=card.sampling_mode,
        lead=model_defaults(card.model).flow_frames,
    )


def card_preprocessing(card: ModelCard) -> Preprocessing:
    """What happens to the frames on their way into an evaluation clip."""
    return Preprocessing(
        size=card.size,
        short_side=card.short_side,
        mean=card.mean,
        std=card.std,
        flow_frames=model_defaults(card.model).flow_frames,
    )
