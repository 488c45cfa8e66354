"""Pack a prepared data set into shards; see :mod:`motionlens.video.shards`."""

from __future__ import annotations

import hashlib
import io
import json
import math
import multiprocessing
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from motionlens._utils.files import write_atomically
from motionlens.clips.preprocessing import resize_frames
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.list_files import read_list
from motionlens.datasets.prepared import (
    PACKING_FILE,
    PARTS,
    Part,
    PreparedSet,
    load_description,
    save_description,
    save_part,
)
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.shards import SHARD_SUFFIX, ShardTable, load_table, table_path, video_name

# Frames decoded at once: large ones are made smaller before many pile up.
_CHUNK = 32

OnProgress = Callable[[int, int], None]
Lists = dict[Part, list[ListEntry]]


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How frames are stored.

    Attributes:
        short_side: frames are made smaller until their short side has that length, pixels;
            smaller ones stay.
        quality: of the JPEGs, 1 to 95.
        shard_videos: videos of a shard; the last one of a part has fewer.

    Raises:
        ValueError: If a value is out of its range.
    """

    short_side: int = 256
    quality: int = 90
    shard_videos: int = 500

    def __post_init__(self) -> None:
        for name, most in (("short_side", 16384), ("quality", 95), ("shard_videos", 99999999)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise ValueError(f"{name} must lie in 1..{most}, got {value}")


@dataclass(frozen=True, kw_only=True)
class PackReport:
    """What was packed.

    Attributes:
        out: the new prepared data set.
        num_videos: packed, of each part.
        num_bytes: of all shards.
        broken: path and error of videos that could not be decoded, which are left out.
    """

    out: Path
    num_videos: Mapping[Part, int]
    num_bytes: int
    broken: tuple[tuple[str, str], ...]


class _Job(NamedTuple):
    """A video to be packed: its row in the list, and what is to be opened."""

    row: int
    path: Path
    entry: ListEntry
    fps: float  # of frame folders
    stamp: tuple[int, int]  # size and time of change


class _Encoded(NamedTuple):
    """A video as JPEGs, or why there are none."""

    job: _Job
    pictures: list[bytes]
    fps: float
    error: str


def pack(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    packing: Packing | None = None,
    *,
    num_workers: int = 1,
    on_progress: OnProgress | None = None,
) -> PackReport:
    """Pack a prepared data set into shards, which are a prepared data set themselves.

    A shard appears when it is complete. Interrupted and started again, packing goes on with the
    shard at which it was. A shard is packed anew if it was damaged, if a video in it could not be
    decoded, or if one has changed (its size or time of change). Of a video of which the list names
    a window, the window is packed.

    Args:
        source: the prepared data set.
        out: folder for the shards, made if absent.
        packing: how; the usual values if None.
        num_workers: processes that decode; 0 decodes in this one.
        on_progress: called with the number of videos done and of all.

    Raises:
        ValueError: If ``source`` is no prepared data set, or ``out`` holds anything else than
            shards, or shards that were packed otherwise or from another list.
        OSError: If ``out`` cannot be written.
    """
    source, out, packing = Path(source), Path(out), packing or Packing()
    description = load_description(source)
    lists = _read_lists(source)
    check_out(out)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, packing, source, lists)
    total, done = sum(map(len, lists.values())), 0

    def counted(videos: Iterable[_Encoded]) -> Iterator[_Encoded]:
        nonlocal done
        for video in videos:
            yield video
            done += 1
            if on_progress:
                on_progress(done, total)

    with _mapper(num_workers) as run_all:
        for part, entries in lists.items():
            shard_of = partial(_shard, out, part, packing)
            jobs = [
                _make_job(row, source / description.root / entry.path, entry, description.fps)
                for row, entry in enumerate(entries)
            ]
            to_do: list[_Job] = []
            for first in range(0, len(jobs), packing.shard_videos):
                members = jobs[first : first + packing.shard_videos]
                if not _is_whole(shard_of(first), [job.stamp for job in members]):
                    to_do += members
            done += len(jobs) - len(to_do)
            encoded = counted(run_all(partial(_encode, packing=packing), to_do))
            for row, videos in groupby(encoded, lambda video: _first_row(video.job.row, packing)):
                _write_shard(shard_of(row), videos)
    return _finish(out, packing, description, lists)


def check_out(out: str | os.PathLike[str]) -> None:
    """Make sure that a folder is new, empty, or holds shards already.

    Raises:
        ValueError: If it holds anything else, which packing might replace.
    """
    out = Path(out)
    if not out.is_dir() or (out / PACKING_FILE).is_file():
        return
    other = next((path.name for path in sorted(out.iterdir())), None)
    if other is not None:
        raise ValueError(
            f"{out}: shards must go into a folder of their own, this one holds {other}; name "
            "another or an empty one"
        )


def _read_lists(source: Path) -> Lists:
    return {
        part: read_list(source / f"{part}.csv", ",", labelled=False)
        for part in PARTS
        if (source / f"{part}.csv").is_file()
    }


def _claim(out: Path, packing: Packing, source: Path, lists: Lists) -> None:
    """Note in ``out`` what is packed there, or refuse if that is something else."""
    digest = hashlib.sha256(repr(lists).encode()).hexdigest()
    wanted = {**asdict(packing), "source": str(source.resolve()), "lists_sha256": digest}
    path = out / PACKING_FILE
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        differing = [
            name for name in wanted if name != "source" and found.get(name) != wanted[name]
        ]
        if differing:
            name = differing[0]
            what = f"with {name} {found.get(name)}, not {wanted[name]}"
            if name == "lists_sha256":
                what = "of another list of videos"
            raise ValueError(f"{out}: holds shards {what}; name another folder or remove it")
    else:
        write_atomically(path, (json.dumps(wanted, indent=1) + "\n").encode())


@contextmanager
def _mapper(num_workers: int) -> Iterator[Callable[..., Iterable[_Encoded]]]:
    """Like ``map``, in order, over processes."""
    if num_workers == 0:
        yield map
        return
    # Not forked: decoders and torch may have threads by now.
    context = multiprocessing.get_context("spawn")
    with context.Pool(num_workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield pool.imap


def _shard(out: Path, part: Part, packing: Packing, row: int) -> Path:
    return out / f"{part}-{row // packing.shard_videos:06}{SHARD_SUFFIX}"


def _make_job(row: int, path: Path, entry: ListEntry, fps: float) -> _Job:
    try:
        found = path.stat()
        stamp = found.st_size, found.st_mtime_ns
    except OSError:
        stamp = -1, -1
    return _Job(row, path, entry, fps, stamp)


def _is_whole(shard: Path, stamps: list[tuple[int, int]]) -> bool:
    """Whether a shard holds all of its videos as they are now."""
    try:
        table = load_table(shard)
        return (
            shard.stat().st_size == table.num_bytes[0]
            and len(table.broken) == 0
            and np.array_equal(table.stamps, stamps)
        )
    except (VideoError, OSError):
        return False


def _first_row(row: int, packing: Packing) -> int:
    """The first row of the shard that a row is in."""
    return row - row % packing.shard_videos


def _encode(job: _Job, packing: Packing) -> _Encoded:
    """Decode a video, make it smaller, and encode its frames."""
    start_s, end_s = (None if math.isnan(t) else t for t in (job.entry.start_s, job.entry.end_s))
    pictures: list[bytes] = []
    try:
        with open_video(job.path, start_s=start_s, end_s=end_s, fps=job.fps) as reader:
            for first in range(0, reader.num_frames, _CHUNK):
                indices = np.arange(first, min(first + _CHUNK, reader.num_frames))
                frames = _shrink(reader.read(indices).data, packing.short_side)
                pictures += [_jpeg(frame, packing.quality) for frame in frames]
            return _Encoded(job, pictures, reader.fps, "")
    except VideoError as error:
        return _Encoded(job, [], 0.0, str(error))


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


def _write_shard(shard: Path, videos: Iterable[_Encoded]) -> None:
    """Write one shard and its table; the table comes last and says that both are whole."""
    places = _Places()
    unfinished = shard.with_name(f".{shard.name}.unfinished")
    table_path(shard).unlink(missing_ok=True)
    with tarfile.open(unfinished, "w", format=tarfile.USTAR_FORMAT) as tar:
        for video in videos:
            places.stamps.append(video.job.stamp)
            if video.error:
                places.add_broken(video)
                continue
            name = video_name(video.job.row)
            about = {
                "label": video.job.entry.label,
                "path": video.job.entry.path,
                "fps": video.fps,
                "num_frames": len(video.pictures),
            }
            _add(tar, f"{name}.json", json.dumps(about, ensure_ascii=False).encode())
            offsets = [
                _add(tar, f"{name}.{number:05}.jpg", picture)
                for number, picture in enumerate(video.pictures)
            ]
            places.add(video, offsets)
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(shard)
    places.table(shard.stat().st_size).save(table_path(shard))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a member; where its content begins."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    offset = tar.offset + tarfile.BLOCKSIZE  # its header takes one block
    tar.addfile(info, io.BytesIO(content))
    return offset


class _Places:
    """The table of a shard as it grows."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._counts: list[int] = []
        self._offsets: list[int] = []
        self._sizes: list[int] = []
        self._fps: list[float] = []
        self._broken: list[tuple[int, str]] = []
        self.stamps: list[tuple[int, int]] = []

    def add(self, video: _Encoded, offsets: Sequence[int]) -> None:
        self._numbers.append(video.job.row)
        self._counts.append(len(offsets))
        self._offsets += offsets
        self._sizes += map(len, video.pictures)
        self._fps.append(video.fps)

    def add_broken(self, video: _Encoded) -> None:
        self._broken.append((video.job.row, video.error))

    def table(self, num_bytes: int) -> ShardTable:
        return ShardTable(
            numbers=np.array(self._numbers, dtype=np.int64),
            firsts=np.cumsum([0, *self._counts], dtype=np.int64),
            offsets=np.array(self._offsets, dtype=np.int64),
            sizes=np.array(self._sizes, dtype=np.int64),
            fps=np.array(self._fps, dtype=np.float64),
            broken=np.array([row for row, _ in self._broken], dtype=np.int64),
            errors=np.array([error for _, error in self._broken], dtype=np.str_),
            stamps=np.array(self.stamps, dtype=np.int64),
            num_bytes=np.array([num_bytes], dtype=np.int64),
        )


def _finish(out: Path, packing: Packing, description: PreparedSet, lists: Lists) -> PackReport:
    """Write the lists of what the shards hold."""
    num_videos: dict[Part, int] = {}
    broken = []
    for part, entries in lists.items():
        packed, num_frames = [], []
        for first in range(0, len(entries), packing.shard_videos):
            shard = _shard(out, part, packing, first)
            table = load_table(shard)
            for row, n in zip(table.numbers.tolist(), table.num_frames().tolist(), strict=True):
                packed.append(ListEntry(f"{shard.name}/{video_name(row)}", entries[row].label))
                num_frames.append(n)
            for row, error in zip(table.broken.tolist(), table.errors.tolist(), strict=True):
                broken.append((entries[row].path, error))
        save_part(out, part, packed, num_frames)
        num_videos[part] = len(packed)
    save_description(out, replace(description, root="."))
    return PackReport(
        out=out,
        num_videos=num_videos,
        num_bytes=sum(path.stat().st_size for path in out.glob(f"*{SHARD_SUFFIX}")),
        broken=tuple(broken),
    )
