"""A trained toy network as a recognizer, and clips to try it on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from motionlens._utils.files import write_atomically
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.recognizer import Recognizer
from motionlens.reproduce.toy import NO_OPTIONS, SYSTEMS, system_options, validation_videos
from motionlens.synthetic.toy import CLASS_NAMES, Canvas
from motionlens.video.writing import encode_exactly

# Slow enough to watch.
FPS = 2


def toy_recognizer(
    model: nn.Module, name: str, canvas: Canvas, cp_options: Mapping[str, Any] = NO_OPTIONS
) -> Recognizer:
    """A recognizer of toy videos.

    Args:
        model: a trained network.
        name: of its system.
        canvas: on which it was trained.
        cp_options: options that it was built with.
    """
    frames = validation_videos(canvas).frames
    card = ModelCard(
        model=SYSTEMS[name].model,
        options=system_options(name, canvas, cp_options),
        class_names=CLASS_NAMES,
        sampling=Sampling(frames.shape[1]),
        preprocessing=Preprocessing(
            frames.shape[2], frames.shape[2], mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
        ),
    )
    return Recognizer(model, card)


def write_toy_clips(folder: Path, canvas: Canvas) -> list[Path]:
    """Write the first validation video of each direction as ``<direction>.mp4``; returns these.

    Raises:
        OSError: If they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    videos = validation_videos(canvas)
    paths = []
    for label, name in enumerate(CLASS_NAMES):
        first = int((videos.labels == label).nonzero()[0, 0])
        colours = videos.frames[first, ..., None].expand(-1, -1, -1, 3).contiguous()
        paths.append(folder / f"{name}.mp4")
        write_atomically(paths[-1], encode_exactly(colours.numpy(), fps=FPS))
    return paths
