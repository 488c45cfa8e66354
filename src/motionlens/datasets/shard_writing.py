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
from PIL import Image
from torch import Tensor

from motionlens._utils.process_pool import Lost, in_order, run_in_processes
from motionlens.clips.preprocessing import resize_frames
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.decode_check import DEADLINE_S
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.shards import ShardTable, table_path, video_name

# Decoded at once: large frames are shrunk before many of them fill the memory.
_CHUNK = 32
# Stamp of a video that is not there.
NOTHING = (-1, -1)


class Job(NamedTuple):
    """A video to be packed.

    Attributes:
        shard: that it goes into.
        row: of it in the list.
        path: to open.
        entry: of the list.
        fps: frames per second, if it is a frame folder.
        stamp: size in bytes and time of change in nanoseconds; -1, -1 if nothing is there.
    """

    shard: Path
    row: int
    path: Path
    entry: ListEntry
    fps: float
    stamp: tuple[int, int]


class Encoded(NamedTuple):
    """A video as JPEGs, or why there are none."""

    pictures: list[bytes]
    fps: float
    error: str = ""


def encode_all(
    jobs: Sequence[Job], short_side: int, quality: int, num_workers: int
) -> Generator[Encoded]:
    """The videos as JPEGs, in their order."""
    work = partial(_encode, short_side=short_side, quality=quality)
    results = run_in_processes(work, jobs, num_workers=num_workers, deadline_s=DEADLINE_S)
    for video in in_order(results):
        if isinstance(video, Lost):
            yield Encoded([], 0.0, f"its decoder {video.reason}; it is damaged, copy it again")
        else:
            yield video


def _encode(job: Job, *, short_side: int, quality: int) -> Encoded:
    """Decode a video, make it smaller, and encode its frames."""
    start_s, end_s = job.entry.window
    pictures: list[bytes] = []
    try:
        with open_video(job.path, start_s=start_s, end_s=end_s, fps=job.fps) as reader:
            for first in range(0, reader.num_frames, _CHUNK):
                indices = np.arange(first, min(first + _CHUNK, reader.num_frames))
                frames = _shrink(reader.read(indices).data, short_side)
                pictures += [_jpeg(frame, quality) for frame in frames]
            return Encoded(pictures, reader.fps)
    except VideoError as error:
        return Encoded([], 0.0, str(error))


def _shrink(frames: Tensor, short_side: int) -> Tensor:
    height, width = frames.shape[2:]
    scale = short_side / min(height, width)
    if scale >= 1:
        return frames
    return resize_frames(frames, (max(round(height * scale), 1), max(round(width * scale), 1)))


def _jpeg(frame: Tensor, quality: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(frame.permute(1, 2, 0).numpy()).save(data, "JPEG", quality=quality)
    return data.getvalue()


def write_shard(shard: Path, videos: Iterable[tuple[Job, Encoded]]) -> None:
    """Write one shard, then its table, which shows that both are complete."""
    unfinished = shard.with_name(f".{shard.name}.unfinished")
    table_path(shard).unlink(missing_ok=True)
    numbers, firsts, fps = list[int](), [0], list[float]()
    offsets, sizes = list[int](), list[int]()
    broken, stamps = dict[int, str](), list[tuple[int, int]]()
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as tar:
        for job, video in videos:
            stamps.append(job.stamp)
            if video.error:
                broken[job.row] = video.error
                continue
            numbers.append(job.row)
            fps.append(video.fps)
            offsets += _add_video(tar, job, video)
            sizes += map(len, video.pictures)
            firsts.append(len(offsets))
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(shard)
    table = ShardTable(
        numbers=np.array(numbers, dtype=np.int64),
        firsts=np.array(firsts, dtype=np.int64),
        offsets=np.array(offsets, dtype=np.int64),
        sizes=np.array(sizes, dtype=np.int64),
        fps=np.array(fps, dtype=np.float64),
        broken=np.array(list(broken), dtype=np.int64),
        errors=np.array(list(broken.values()), dtype=np.str_),
        stamps=np.array(stamps, dtype=np.int64),
        num_bytes=np.array([shard.stat().st_size], dtype=np.int64),
    )
    table.save(table_path(shard))


def _add_video(tar: tarfile.TarFile, job: Job, video: Encoded) -> list[int]:
    """Add the description and the frames of a video; returns where each frame begins."""
    name = video_name(job.row)
    about = {
        "label": job.entry.label,
        "path": job.entry.path,
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
