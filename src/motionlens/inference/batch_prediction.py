"""Many videos predicted into a folder of Parquet files, on an engine."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from motionlens._utils.engines import EngineName
from motionlens._utils.optional import require
from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.decode_check import VideoKey
from motionlens.inference.batch_jobs import (
    DEADLINE_S,
    OnProgress,
    VideoWork,
    fill,
    job_settings,
    open_job_engine,
    video_keys,
)
from motionlens.inference.part_files import open_parts
from motionlens.inference.recognizer import OnError, Recognizer
from motionlens.report.prediction import Labelling
from motionlens.video.find import expand_folders
from motionlens.video.frames import FOLDER_FPS, VideoError


def predict_videos(
    recognizer: Recognizer,
    videos: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    engine: EngineName = "local",
    address: str | None = None,
    deadline_s: float = DEADLINE_S,
    top: int = 5,
    batch_size: int = 8,
    num_workers: int | None = None,
    folder_fps: float = FOLDER_FPS,
    on_error: OnError | None = None,
    on_progress: OnProgress | None = None,
) -> int:
    """Predict many videos into a folder of Parquet files, written as results come.

    Each video has one row: ``path``, ``start`` and ``end`` (null), ``label`` and ``probability`` of
    its first label, ``labels`` and ``probabilities`` of the ``top`` first, ``above`` (see
    :class:`motionlens.report.prediction.Prediction`), and ``error``, null for a video that could be
    read. The same call goes on with the videos that have no row, and tries those again that have an
    error.

    Args:
        recognizer: whose labels are wanted.
        videos: files and folders of videos; one that is named twice is predicted once.
        out: folder for the results, made if absent.
        engine: where to run: local, in processes of this machine, or ray, on a Ray cluster.
        address: of the cluster: auto for the one that this machine belongs to, local to start one
            here, or HOST:PORT of its head; by default auto.
        deadline_s: seconds that a batch of videos may take; then its process is killed, and each
            video of it is tried again alone, twice.
        top: labels per video, at most all.
        batch_size: videos per batch.
        num_workers: processes, or actors of the cluster; by default one per core.
        folder_fps: frames per second of folders of pictures.
        on_error: called with path and error of each video that has no prediction.
        on_progress: called with the number of videos done and of all videos.

    Returns:
        Number of videos with a prediction in the folder that are among ``videos``.

    Raises:
        ValueError: If an option is out of its range, the folder holds anything else or results of
            another recognizer, or the engine cannot be started.
        ImportError: If pyarrow is not installed, or Ray for ray.
        OSError: If the folder cannot be written.
    """
    index = VideoIndex.of_paths(expand_folders(videos, on_error), folder_fps)
    arrow = require("pyarrow", "parquet")
    labelling: Labelling = recognizer.card.labelling

    def describe(key: VideoKey, row: NDArray[np.float32]) -> dict[str, Any]:
        found = labelling.best(key[0], torch.from_numpy(row), top)
        return {
            "label": found.label,
            "probability": found.probabilities[0],
            "labels": found.labels,
            "probabilities": found.probabilities,
            "above": found.above,
        }

    columns = {
        "label": arrow.string(),
        "probability": arrow.float32(),
        "labels": arrow.list_(arrow.string()),
        "probabilities": arrow.list_(arrow.float32()),
        "above": arrow.list_(arrow.bool_()),
    }
    settings = {"job": "predict", **job_settings(recognizer), "top": top, "folder_fps": folder_fps}
    work = VideoWork.of(recognizer, index, "probabilities", batch_size=batch_size)
    processes = open_job_engine(recognizer, engine, address=address, num_workers=num_workers)
    num_failed = 0

    def failed(path: str, error: VideoError) -> None:
        nonlocal num_failed
        num_failed += 1
        if on_error:
            on_error(path, error)

    with open_parts(out, columns, settings) as parts:
        keys = video_keys(index)
        fill(parts, keys, work, processes, describe, deadline_s, failed, on_progress)
    return len(keys) - num_failed
