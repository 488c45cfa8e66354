"""What a network sees in many videos, before it names a label, written to a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motionlens._utils.distributed import is_main
from motionlens.clips.video_index import LABEL_SEPARATOR, VideoIndex
from motionlens.clips.views import Views
from motionlens.inference.feature_files import FeatureRow, FeatureWriter, check_suffix, open_writer
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.runner import run_shared
from motionlens.inference.view_queue import VideoResult


@dataclass(frozen=True, kw_only=True)
class EmbedResult:
    """What :func:`embed_videos` wrote.

    Attributes:
        num_videos: rows.
        broken: path and reason of each video that could not be decoded; it has no row.
        files: written by the main process; none if every video is broken.
    """

    num_videos: int
    broken: tuple[tuple[str, str], ...]
    files: tuple[Path, ...]


def embed_videos(
    recognizer: Recognizer,
    index: VideoIndex,
    out: str | os.PathLike[str],
    *,
    views: str | Views = "1x1",
    batch_size: int = 16,
    num_workers: int | None = None,
    on_broken: Callable[[str, str], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> EmbedResult:
    """Write the pooled features of videos, the mean over their views; memory stays flat.

    Under ``torchrun`` each process takes its share of the videos, and the main one writes.

    Args:
        recognizer: a loaded one, also an exported one.
        index: the videos; labels may be unknown.
        out: ``.npy`` or ``.parquet``, see :func:`motionlens.inference.feature_files.open_writer`.
        views: clips and crops of every video, see :class:`motionlens.clips.views.Views`.
        batch_size: views at once.
        num_workers: processes that decode; by default one a free CPU core.
        on_broken: called with path and reason of every video that cannot be decoded.
        on_progress: called after every video with those done and their number.

    Raises:
        ValueError: If ``out`` has another suffix.
        ImportError: If ``out`` is ``.parquet`` and pyarrow is not installed.
        OSError: If the file cannot be written; what was there before stays.
    """
    check_suffix(out)
    results = run_shared(
        recognizer.runner,
        index,
        recognizer.runner.features,
        views=views,
        batch_size=batch_size,
        num_workers=num_workers,
        skip_broken=True,
    )
    writer = open_writer(out) if is_main() else None
    broken: list[tuple[str, str]] = []
    try:
        for i, result in enumerate(results):
            _take(writer, index, i, result)
            if result.row is None:
                broken.append((str(index.path(i)), result.error))
                if on_broken and is_main():
                    on_broken(*broken[-1])
            if on_progress and is_main():
                on_progress(i + 1, len(index))
        files = writer.finish() if writer and len(broken) < len(index) else []
    finally:
        if writer:
            writer.discard()
    return EmbedResult(
        num_videos=len(index) - len(broken), broken=tuple(broken), files=tuple(files)
    )


def _take(writer: FeatureWriter | None, index: VideoIndex, i: int, result: VideoResult) -> None:
    if writer is not None and result.row is not None:
        values = np.asarray(result.row.numpy(), dtype=np.float32)
        writer.add(FeatureRow(str(index.path(i)), _label(index, i), *index.window(i), values))


def _label(index: VideoIndex, i: int) -> str:
    """Names of the classes that a video shows; empty if that is not known."""
    if index.labels[i] < 0:
        return ""
    if index.targets is None:
        return str(index.class_names[index.labels[i]])
    shown = np.flatnonzero(index.targets[i])
    return str(LABEL_SEPARATOR.join(index.class_names[label] for label in shown))
