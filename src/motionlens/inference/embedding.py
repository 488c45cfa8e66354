"""Pooled features of many videos, written to a file."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from motionlens._utils.distributed import is_main
from motionlens._utils.engines import EngineName
from motionlens._utils.files import check_file
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.views import Views
from motionlens.datasets.parts import open_evaluated
from motionlens.datasets.source import ListingConfig, Split
from motionlens.inference.batch_jobs import DEADLINE_S, run_jobs_or_shared
from motionlens.inference.feature_files import FeatureRow, check_suffix, write_features
from motionlens.inference.recognizer import OnError, Recognizer
from motionlens.video.find import expand_folders
from motionlens.video.frames import FOLDER_FPS


def embed_videos(
    recognizer: Recognizer,
    videos: VideoIndex | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    split: Split | None = None,
    listing: ListingConfig | None = None,
    views: str | Views = "1x1",
    batch_size: int = 16,
    num_workers: int | None = None,
    folder_fps: float = FOLDER_FPS,
    engine: EngineName | None = None,
    address: str | None = None,
    deadline_s: float = DEADLINE_S,
    on_broken: OnError | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Path], int]:
    """Write the pooled features of videos, the mean over their views, in constant memory.

    Under ``torchrun`` each process takes its share of the videos, and the main one writes.

    Args:
        recognizer: also one of an exported file.
        videos: an index, whose labels may be unknown; or files and folders of videos.
        out: features.npy, with features.csv beside it, or features.parquet.
        data: instead of files: folder of class folders, list file or prepared data set.
        split: part of the data; by default the validation part if it has one, else everything.
        listing: how the videos of ``data`` are found.
        views: clips of each video, and crops of each clip: 1, 3, 5, 6, 8, 10 or full; the result is
            their mean.
        batch_size: views per batch.
        num_workers: processes that decode; by default none for fewer than 16 videos, else one per
            free CPU core.
        folder_fps: frames per second of folders of pictures, which have none of their own.
        engine: run as a job that goes on where it was ended, and survives videos that crash or hang
            their process: local, in processes of this machine, or ray, on a Ray cluster; by default
            in this process alone.
        address: of the cluster: auto for the one that this machine belongs to, local to start one
            here, or HOST:PORT of its head; by default auto.
        deadline_s: seconds that a batch of videos may take in a job.
        on_broken: called in every process with path and error of each video that cannot be
            decoded; it gets no row.
        on_progress: called in the main process before the first and after every video with the
            number of videos done and of all videos.

    Returns:
        Files that the main process has written, none if every video is broken; and the number of
        videos in them.

    Raises:
        ValueError: If ``out`` has another suffix or its folder does not exist, or not exactly one
            of ``videos`` and ``data`` is given.
        ImportError: If ``out`` is ``.parquet`` and pyarrow is not installed.
        OSError: If the file cannot be written; what was there before stays.
    """
    check_suffix(out)
    given = [data, *videos] if not isinstance(videos, VideoIndex) else [data]
    read = [path for path in given if path is not None and os.path.isfile(path)]
    for path in (Path(out), Path(out).with_suffix(".csv")):
        check_file(path, inputs=read)
    if bool(len(videos)) == bool(data):
        raise ValueError("files or --data must be given, not both; name the videos to embed")
    if data:
        index = open_evaluated(None, data, split, listing)
    elif isinstance(videos, VideoIndex):
        index = videos
    else:
        index = VideoIndex.of_paths(expand_folders(videos, on_broken), folder_fps)
    results = run_jobs_or_shared(
        recognizer,
        index,
        "features",
        Path(f"{os.fspath(out)}.parts"),
        engine=engine,
        address=address,
        deadline_s=deadline_s,
        views=Views.parse(views),
        batch_size=batch_size,
        num_workers=num_workers,
        skip_broken=True,
        on_progress=on_progress,
    )
    num_videos = 0

    def rows() -> Iterator[FeatureRow]:
        nonlocal num_videos
        for i, (_, row) in enumerate(results):
            path = str(index.path(i))
            if isinstance(row, Tensor):
                num_videos += 1
                label = index.entry(i).label or None
                yield FeatureRow(path, label, *index.window(i), row.numpy())
            elif on_broken:
                on_broken(path, row)

    if is_main():
        return write_features(Path(out), rows()), num_videos
    deque(rows(), maxlen=0)
    return [], num_videos
