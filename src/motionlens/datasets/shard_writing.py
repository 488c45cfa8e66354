"""Write shards: decode videos in processes, make JPEGs of their frames, put them into tar files."""

import io
import json
import os
import tarfile
from collections.abc import Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from motionlens._utils.engines import Engine
from motionlens._utils.files import naming
from motionlens._utils.process_pool import in_order, run_in_processes
from motionlens._utils.retries import one_by_one
from motionlens._utils.worker_process import Lost
from motionlens.clips.preprocessing import resize_frames, scaled_size
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.decode_check import DEADLINE_S, Job, Stamp
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.shards import ShardTable, table_path, video_name

_NO_TIMES = np.empty(0)


class Encoded(NamedTuple):
    """A video as JPEGs, or why there are none."""

    pictures: list[bytes]
    fps: float
    times_s: NDArray[np.float64]
    error: str = ""


def encode_all(
    jobs: Iterable[Job],
    short_side: int,
    quality: int,
    num_workers: int,
    engine: Engine | None = None,
) -> Generator[Encoded]:
    """The videos as JPEGs, in their order; by an engine, or else processes of this machine."""
    work = partial(_encode, short_side=short_side, quality=quality)
    results: Generator[tuple[int, Encoded | Lost]]
    if engine is None:
        results = run_in_processes(work, jobs, num_workers=num_workers, deadline_s=DEADLINE_S)
    else:
        each = partial(one_by_one, work)
        results = engine.run(each, jobs, batch_size=1, deadline_s=DEADLINE_S)
    for video in in_order(results):
        if isinstance(video, Lost):
            yield Encoded(
                [], 0.0, _NO_TIMES, f"its decoder {video.reason}; it is damaged, copy it again"
            )
        else:
            yield video


def _encode(job: Job, *, short_side: int, quality: int) -> Encoded:
    """Decode a video, make it smaller, and encode its frames."""
    pictures: list[bytes] = []
    try:
        with open_video(job.path, start_s=job.start_s, end_s=job.end_s, fps=job.fps) as reader:
            for frames in reader.read_in_chunks(range(reader.num_frames)):
                pictures += [_jpeg(frame, quality) for frame in _shrink(frames, short_side)]
            return Encoded(pictures, reader.fps, reader.times_s - reader.times_s[0])
    except VideoError as error:
        return Encoded([], 0.0, _NO_TIMES, str(error))


def _shrink(frames: Tensor, short_side: int) -> Tensor:
    height, width = frames.shape[2:]
    if min(height, width) <= short_side:
        return frames
    return resize_frames(frames, scaled_size(height, width, short_side))


def _jpeg(frame: Tensor, quality: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(frame.permute(1, 2, 0).numpy()).save(data, "JPEG", quality=quality)
    return data.getvalue()


def write_shard(
    shard: Path,
    first: int,
    entries: Sequence[ListEntry],
    stamps: Sequence[Stamp],
    videos: Iterable[Encoded],
) -> None:
    """Write one shard, then its table, which shows that both are complete.

    Args:
        shard: the tar file.
        first: row of its first video in the list that is packed.
        entries: of its videos.
        stamps: of their files.
        videos: as many are taken as there are entries.
    """
    table_path(shard).unlink(missing_ok=True)
    unfinished = shard.with_name(f".{shard.name}.unfinished")
    try:
        with naming(shard):
            table = _write_tar(unfinished, first, entries, stamps, videos)
            unfinished.replace(shard)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    table.save(table_path(shard))


def _write_tar(
    unfinished: Path,
    first: int,
    entries: Sequence[ListEntry],
    stamps: Sequence[Stamp],
    videos: Iterable[Encoded],
) -> ShardTable:
    """Write the tar file and return its table; see :func:`write_shard`."""
    numbers, firsts, fps = list[int](), [0], list[float]()
    offsets, sizes, times_s = list[int](), list[int](), [_NO_TIMES]
    broken = dict[int, str]()
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row, (entry, video) in enumerate(zip(entries, videos, strict=False), start=first):
            if video.error:
                broken[row] = video.error
                continue
            numbers.append(row)
            fps.append(video.fps)
            offsets += _add_video(tar, row, entry, video)
            sizes += map(len, video.pictures)
            times_s.append(video.times_s)
            firsts.append(len(offsets))
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    return ShardTable(
        numbers=np.array(numbers, dtype=np.int64),
        firsts=np.array(firsts, dtype=np.int64),
        offsets=np.array(offsets, dtype=np.int64),
        sizes=np.array(sizes, dtype=np.int64),
        fps=np.array(fps, dtype=np.float64),
        broken=np.array(list(broken), dtype=np.int64),
        errors=np.array(list(broken.values()), dtype=np.str_),
        stamps=np.array(stamps, dtype=np.int64),
        num_bytes=np.array([unfinished.stat().st_size], dtype=np.int64),
        times_s=np.concatenate(times_s),
    )


def _add_video(tar: tarfile.TarFile, row: int, entry: ListEntry, video: Encoded) -> list[int]:
    """Add the description and the frames of a video; returns where each frame begins."""
    name = video_name(row)
    about = {
        "label": entry.label,
        "path": entry.path,
        "fps": video.fps,
        "num_frames": len(video.pictures),
    }
    _add(tar, f"{name}.json", json.dumps(about, ensure_ascii=False).encode())
    return [_add(tar, f"{name}.{n:05}.jpg", picture) for n, picture in enumerate(video.pictures)]


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a member; returns where its content begins."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    offset = tar.offset + tarfile.BLOCKSIZE  # the header takes one block
    tar.addfile(info, io.BytesIO(content))
    return offset
