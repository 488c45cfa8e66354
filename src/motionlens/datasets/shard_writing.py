"""Write shards: decode videos in processes, make JPEGs of their frames, put them into tar files."""

from __future__ import annotations

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


class _Member(NamedTuple):
    """Where a video lies in its shard."""

    job: Job
    offsets: list[int]
    sizes: list[int]
    fps: float
    error: str


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
    members: list[_Member] = []
    unfinished = shard.with_name(f".{shard.name}.unfinished")
    table_path(shard).unlink(missing_ok=True)
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as tar:
        for job, video in videos:
            offsets = [] if video.error else _add_video(tar, job, video)
            sizes = list(map(len, video.pictures))
            members.append(_Member(job, offsets, sizes, video.fps, video.error))
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(shard)
    _table(members, shard.stat().st_size).save(table_path(shard))


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
    return [
        _add(tar, f"{name}.{number:05}.jpg", picture)
        for number, picture in enumerate(video.pictures)
    ]


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a member; returns where its content begins."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    offset = tar.offset + tarfile.BLOCKSIZE  # the header takes one block
    tar.addfile(info, io.BytesIO(content))
    return offset


def _table(members: Sequence[_Member], num_bytes: int) -> ShardTable:
    whole = [member for member in members if not member.error]
    broken = [member for member in members if member.error]
    return ShardTable(
        numbers=np.array([member.job.row for member in whole], dtype=np.int64),
        firsts=np.cumsum([0, *(len(member.offsets) for member in whole)], dtype=np.int64),
        offsets=np.array([n for member in whole for n in member.offsets], dtype=np.int64),
        sizes=np.array([n for member in whole for n in member.sizes], dtype=np.int64),
        fps=np.array([member.fps for member in whole], dtype=np.float64),
        broken=np.array([member.job.row for member in broken], dtype=np.int64),
        errors=np.array([member.error for member in broken], dtype=np.str_),
        stamps=np.array([member.job.stamp for member in members], dtype=np.int64),
        num_bytes=np.array([num_bytes], dtype=np.int64),
    )
