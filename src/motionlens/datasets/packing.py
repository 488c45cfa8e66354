"""Pack a prepared data set into shards; see :mod:`motionlens.video.shards`."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from motionlens._utils.addresses import as_path, is_address, join_names
from motionlens._utils.cores import usable_cores
from motionlens._utils.engines import Engine, EngineName, cluster_engine
from motionlens._utils.folder_lock import check_free, locked_folder
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.catalog.names import CATALOG
from motionlens.datasets.catalog.own import LIST
from motionlens.datasets.decode_check import Job, OnProgress, Stamp, find_stamps
from motionlens.datasets.list_faults import check_lists
from motionlens.datasets.prepared import (
    PACKING_FILE,
    PARTS,
    Part,
    PreparedSet,
    claim,
    load_description,
    load_part,
    read_part,
    root_of,
    save_description,
    save_part,
)
from motionlens.datasets.shard_writing import Encoded, encode_all, write_shard
from motionlens.video.frames import VideoError
from motionlens.video.shards import SHARD_SUFFIX, load_table, video_name

# Stamp of a video that is not there.
_NOTHING = (-1, -1)
Lists = dict[Part, list[ListEntry]]


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How frames are stored.

    Attributes:
        short_side: short side that larger frames are shrunk to, pixels; by default the data set's
            own.
        quality: quality of the packed JPEGs, 1 to 95.
        shard_videos: videos of a shard; the last one of a part may hold fewer.

    Raises:
        ValueError: If a value is out of its range.
    """

    short_side: int | None = None
    quality: int = 90
    shard_videos: int = 500

    def __post_init__(self) -> None:
        for name, most in (("short_side", 16384), ("quality", 95), ("shard_videos", 99999999)):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= most:
                raise ValueError(f"{name} must lie in 1..{most}, got {value}")


@dataclass(frozen=True, kw_only=True)
class PackReport:
    """What was packed.

    Attributes:
        out: the new prepared data set.
        num_videos: packed videos of each part.
        num_bytes: size of all shards.
        broken: path and error of the videos that could not be decoded and are left out.
    """

    out: Path
    num_videos: Mapping[Part, int]
    num_bytes: int
    broken: tuple[tuple[str, str], ...]


def pack(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    packing: Packing | None = None,
    *,
    num_workers: int | None = None,
    engine: EngineName = "local",
    address: str | None = None,
    on_progress: OnProgress | None = None,
) -> PackReport:
    """Pack a prepared data set into shards, which are a prepared data set themselves.

    A shard appears when it is complete; an interrupted call goes on with the next one when it is
    made again. A shard is packed again if it is damaged, if a video in it could not be decoded, or
    if one has changed (its size or modification time). If the list names a window of a video, only
    the window is packed.

    Args:
        source: the prepared data set.
        out: folder for the shards, made if absent.
        packing: how frames are stored; the defaults if None.
        num_workers: processes that decode; 0 for this one, by default one per CPU core.
        engine: where videos are decoded, see :func:`motionlens.datasets.prepare.prepare`.
        address: of a Ray cluster.
        on_progress: called with the number of videos packed and of all.

    Raises:
        ValueError: If ``source`` is no prepared data set, or ``out`` holds anything but shards,
            or shards that were packed in another way or from another list; or if another call
            works in it.
        OSError: If ``out`` cannot be written.
    """
    check_out(out)
    source, out, packing = as_path(source), Path(out), packing or Packing()
    other = cluster_engine(engine, address=address, num_workers=num_workers)
    num_workers = usable_cores() if num_workers is None else num_workers
    description = load_description(source)
    short_side = packing.short_side or CATALOG.get(description.name, LIST).short_side
    packing = replace(packing, short_side=short_side)
    there = [part for part in PARTS if (source / f"{part}.csv").is_file()]
    check_lists(source, {part: load_part(source, part) for part in there}, on_disk=False)
    lists: Lists = {part: read_part(source, part) for part in there}
    out.mkdir(parents=True, exist_ok=True)
    with locked_folder(out):
        _claim(out, packing, source, lists)
        _write_shards(
            root_of(source, description).absolute(),
            description.fps,
            out,
            packing,
            lists,
            num_workers,
            other,
            on_progress,
        )
        return _finish(out, packing, description, lists)


def _write_shards(
    folder: Path,
    fps: float,
    out: Path,
    packing: Packing,
    lists: Lists,
    num_workers: int,
    engine: Engine | None,
    on_progress: OnProgress | None,
) -> None:
    """Write the shards that are not there yet; see :func:`pack`."""
    short_side = packing.short_side
    assert short_side is not None  # resolved
    total, done = sum(map(len, lists.values())), 0

    def counted(videos: Iterable[Encoded]) -> Iterator[Encoded]:
        nonlocal done
        for video in videos:
            done += 1
            if on_progress:
                on_progress(done, total)
            yield video

    for part, entries in lists.items():
        to_do = []
        for shard, first, members in _shards(out, part, entries, packing):
            found = find_stamps(folder, [entry.key for entry in members])
            stamps = [found[entry.key] or _NOTHING for entry in members]
            if _is_whole(shard, stamps):
                done += len(members)
            else:
                to_do.append((shard, first, members, stamps))
        jobs = (
            Job(join_names(folder, entry.path), *entry.window, fps)
            for _, _, members, _ in to_do
            for entry in members
        )
        with closing(encode_all(jobs, short_side, packing.quality, num_workers, engine)) as encoded:
            videos = counted(encoded)
            for shard, first, members, stamps in to_do:
                write_shard(shard, first, members, stamps, videos)


def check_out(out: str | os.PathLike[str]) -> None:
    """Make sure that a folder is new, empty, or holds shards already.

    Raises:
        ValueError: If it holds anything else, which packing might replace.
    """
    if is_address(out):
        raise ValueError("shards are written on this machine; name a folder here, and copy them")
    out = Path(out)
    if not out.is_dir() or (out / PACKING_FILE).is_file():
        return
    check_free(out)
    other = next((path.name for path in sorted(out.iterdir())), None)
    if other is not None:
        raise ValueError(
            f"{out}: shards must go into a folder of their own, this one holds {other}; name "
            "another or an empty one"
        )


def _claim(out: Path, packing: Packing, source: Path, lists: Lists) -> None:
    """Write into ``out`` what is packed there, or raise if it holds something else."""
    digest = hashlib.sha256(repr(lists).encode()).hexdigest()
    wanted = {**asdict(packing), "source": str(source.resolve()), "lists_sha256": digest}
    if found := claim(out / PACKING_FILE, wanted, ignore="source"):
        name, value = found
        what = f"with {name} {value}, not {wanted.get(name)}"
        if name == "lists_sha256":
            what = "of another list of videos"
        raise ValueError(f"{out}: holds shards {what}; name another folder or remove it")


def _shards(
    out: Path, part: Part, entries: Sequence[ListEntry], packing: Packing
) -> Iterator[tuple[Path, int, Sequence[ListEntry]]]:
    """The shards of a part: path, row of the first video, and the entries."""
    for number, first in enumerate(range(0, len(entries), packing.shard_videos)):
        members = entries[first : first + packing.shard_videos]
        yield out / f"{part}-{number:06}{SHARD_SUFFIX}", first, members


def _is_whole(shard: Path, stamps: Sequence[Stamp]) -> bool:
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


def _finish(out: Path, packing: Packing, description: PreparedSet, lists: Lists) -> PackReport:
    """Write the lists of what the shards hold."""
    num_videos: dict[Part, int] = {}
    broken = []
    for part, entries in lists.items():
        packed, num_frames = [], []
        for shard, _, _ in _shards(out, part, entries, packing):
            table = load_table(shard)
            for row, n in zip(table.numbers.tolist(), table.num_frames().tolist(), strict=True):
                _, label, *_, group = entries[row]
                name = f"{shard.name}/{video_name(row)}"
                packed.append(ListEntry(name, label, group=group))
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
