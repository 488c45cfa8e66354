"""The state of all videos of a copy: there or not, readable or not, with how many frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motionlens.datasets.check_cache import (
    CheckedVideo,
    Stamp,
    VideoKey,
    append_checked,
    open_cache,
    read_checked,
)
from motionlens.datasets.decode_check import Finding, Job, check_each

CheckLevel = Literal["open", "decode", "none"]
OnProgress = Callable[[int, int], None]

MISSING = "nothing is there"
# Asking a file server for one file after the other is slow; it answers several at once.
_STAT_THREADS, _STATS_AT_ONCE = 8, 500


@dataclass(frozen=True, eq=False)
class Survey:
    """What is known of each video.

    Attributes:
        num_frames: int64 ``(V,)``; -1 where not counted.
        is_missing: bool ``(V,)``.
        faults: why a video that is there cannot be read, by position; the few that are bad.
        remarks: what is wrong with a readable one all the same.
    """

    num_frames: NDArray[np.int64]
    is_missing: NDArray[np.bool_]
    faults: dict[int, str]
    remarks: dict[int, str]


def survey(
    folder: Path,
    keys: Sequence[VideoKey],
    cache: Path,
    *,
    check: CheckLevel,
    fps: float,
    num_workers: int = 0,
    on_progress: OnProgress | None = None,
) -> Survey:
    """Find out the state of every video.

    Args:
        folder: that relative paths start from.
        keys: the videos, distinct.
        cache: file with what was found out before, appended to. What it says of a file of the
            same size and time of change is believed, but that one was unreadable: those are
            looked at once more.
        check: open every video, decode every frame, or only see whether it is there.
        fps: frames per second of frame folders.
        num_workers: processes; 0 for this one.
        on_progress: called with the number of videos looked at and of all that are there.

    Raises:
        OSError: If the cache cannot be written.
    """
    stamps = np.array(list(_stamps(folder, keys)), dtype=np.int64).reshape(len(keys), 2)
    is_missing = stamps[:, 0] < 0
    found = Survey(np.full(len(keys), -1, np.int64), is_missing, {}, {})
    if check == "none":
        return found
    is_deep = np.full(len(keys), check == "decode")
    _recall(found, keys, stamps, cache, is_deep)
    waiting = np.flatnonzero((found.num_frames < 0) & ~is_missing)
    total = int((~is_missing).sum())
    done = total - len(waiting)
    if on_progress is not None:
        on_progress(done, total)
    jobs = _Jobs(folder, keys, waiting, fps, is_deep)
    with open_cache(cache) as file:
        for place, finding in check_each(jobs, num_workers):
            i = int(waiting[place])
            _note(found, i, finding)
            stamp = Stamp(int(stamps[i, 0]), int(stamps[i, 1]))
            append_checked(file, CheckedVideo(keys[i], stamp, jobs[place].decode, *finding))
            done += 1
            if on_progress is not None:
                on_progress(done, total)
    return found


class _Jobs:
    """Jobs made when they are asked for: of a million only few are under way."""

    def __init__(
        self,
        folder: Path,
        keys: Sequence[VideoKey],
        waiting: NDArray[np.int64],
        fps: float,
        is_deep: NDArray[np.bool_],
    ) -> None:
        self._folder, self._keys, self._waiting = folder, keys, waiting
        self._fps, self._is_deep = fps, is_deep

    def __len__(self) -> int:
        return len(self._waiting)

    def __getitem__(self, place: int) -> Job:
        i = int(self._waiting[place])
        key = self._keys[i]
        path = str(self._folder / key.path)
        return Job(path, key.start_s, key.end_s, self._fps, bool(self._is_deep[i]))


def _stamps(folder: Path, keys: Sequence[VideoKey]) -> Iterator[Stamp]:
    def stamp(key: VideoKey) -> Stamp:
        try:
            status = os.stat(folder / key.path)
        except OSError:
            return Stamp(-1, -1)
        return Stamp(status.st_size, status.st_mtime_ns)

    def stamp_share(first: int) -> list[Stamp]:
        return [stamp(key) for key in keys[first : first + _STATS_AT_ONCE]]

    with ThreadPoolExecutor(_STAT_THREADS) as pool:
        for stamps in pool.map(stamp_share, range(0, len(keys), _STATS_AT_ONCE)):
            yield from stamps


def _recall(
    found: Survey,
    keys: Sequence[VideoKey],
    stamps: NDArray[np.int64],
    cache: Path,
    is_deep: NDArray[np.bool_],
) -> None:
    """Note what is known already, and which of the others have to be decoded."""
    wanted = is_deep.copy()
    places = {key: i for i, key in enumerate(keys)}
    for video in read_checked(cache):
        i = places.get(video.key, -1)
        if i < 0 or tuple(stamps[i]) != video.stamp:
            continue
        found.remarks.pop(i, None)
        if video.reason:
            # Looked at once more, and as closely: opening need not show what decoding has shown.
            found.num_frames[i] = -1
            is_deep[i] = wanted[i] or video.decoded
        elif video.decoded or not wanted[i]:
            _note(found, i, Finding(video.num_frames, remark=video.remark))


def _note(found: Survey, i: int, finding: Finding) -> None:
    if finding.reason:
        found.faults[i] = finding.reason
        return
    found.num_frames[i] = finding.num_frames
    if finding.remark:
        found.remarks[i] = finding.remark
