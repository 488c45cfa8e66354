"""Export with a check: the file appears only if it computes the same as the network."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from motionlens._utils.files import check_writable, write_atomically
from motionlens.export.formats import find_writer, load_exported
from motionlens.export.graph import BothOutputs, prepare, trace
from motionlens.export.parity import (
    TOLERANCE,
    ClipParity,
    NamedClips,
    ParityError,
    check_parity,
    random_clips,
)
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.runner import Video, video_name

HALF_A_GREY_LEVEL = 0.5 / 255


def export_recognizer(
    recognizer: Recognizer,
    path: str | os.PathLike[str],
    *,
    dynamic_frames: bool = False,
    opset: int | None = None,
    aot: bool = False,
    videos: Sequence[Video] = (),
    tolerance: float = TOLERANCE,
) -> list[ClipParity]:
    """Write a recognizer's network to a file, if a check finds that it computes the same.

    Args:
        recognizer: the recognizer, on any device.
        path: the file, which is replaced as a whole or not at all. Its suffix sets the format:
            ``.onnx``, or ``.pt2`` for ``torch.export``.
        dynamic_frames: accept clips of any number of frames; any number of clips is always
            accepted, rows and columns are the recognizer's own.
        opset: version of the ONNX operators, for ``.onnx``; by default 20.
        aot: compile for this machine's kind of processor with AOTInductor, for ``.pt2``; needs a
            C++ compiler.
        videos: videos to check on, in addition to noise.
        tolerance: largest difference, relative to the outputs' norm.

    Returns:
        The comparison with the original, one row per batch of clips.

    Raises:
        ParityError: If the exported network is too far from the original.
        ValueError: For another suffix, an option that does not fit the suffix, or a network that
            cannot be exported.
        ImportError: If a package for the format is not installed.
        VideoError: For a video that cannot be decoded.
    """
    path = Path(path)
    write = find_writer(path, opset=opset, aot=aot)
    check_writable(path.parent)
    card = recognizer.card
    channels, T, size, _ = card.clip_shape
    dither = HALF_A_GREY_LEVEL / max(card.preprocessing.std)
    clips = [
        NamedClips(video_name(video), recognizer.load_clip(video)[None], dither) for video in videos
    ]
    with tempfile.TemporaryDirectory(prefix="motionlens-") as folder, quiet(), torch.no_grad():
        draft = Path(folder, path.name)
        reference = prepare(recognizer.model, "reference")
        traced = trace(reference, card, dynamic_frames=dynamic_frames)
        write(traced, draft)
        lengths = {max(traced.min_frames, T // 2), T, T + 3} if dynamic_frames else {T}
        parity = check_parity(
            load_exported(draft),
            BothOutputs(prepare(recognizer.model, "auto")),
            [*random_clips(size, sorted(lengths), channels=channels), *clips],
            tolerance=tolerance,
        )
        if not all(row.passes for row in parity):
            raise ParityError(parity)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, draft.read_bytes())
    return parity


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the exporters' warnings and log messages, which speak to their developers."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
