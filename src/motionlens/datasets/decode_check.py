"""Looking at many videos, one after the other or in processes, so that no bad one ends it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from itertools import islice
from typing import Any, NamedTuple, Protocol

import numpy as np

from motionlens._utils.errors import one_line
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoWarning

# Videos that a process is given at once, and how many such shares wait for each process: enough
# to keep all busy, few enough to lose little when stopped.
_SHARE, _SHARES_WAITING = 8, 3
# Frames that are decoded at once, so that a long video needs no more memory than a short one.
_FRAMES_AT_ONCE = 32


class Job(NamedTuple):
    """A video to be looked at.

    Attributes:
        path: of the file or frame folder.
        start_s: where the clip begins, seconds; None for its start.
        end_s: where it ends; None for its end.
        fps: frames per second, if it is a frame folder.
        decode: decode every frame; else open it, count frames and decode the first.
    """

    path: str
    start_s: float | None = None
    end_s: float | None = None
    fps: float = 12.0
    decode: bool = False


class Finding(NamedTuple):
    """What was found.

    Attributes:
        num_frames: of the clip; 0 if it is unreadable.
        reason: why it is unreadable; empty if it is readable.
        remark: what is wrong with a readable video all the same; mostly empty.
    """

    num_frames: int
    reason: str = ""
    remark: str = ""


class Jobs(Protocol):
    """As much of a list as is needed."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Job: ...


Check = Callable[[Job], Finding]


def check_video(job: Job) -> Finding:
    """Open a video, and decode it if that is wanted; whatever goes wrong becomes a reason."""
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always", VideoWarning)
            with open_video(job.path, start_s=job.start_s, end_s=job.end_s, fps=job.fps) as reader:
                num_frames = reader.num_frames
                stop = num_frames if job.decode else 1
                for first in range(0, stop, _FRAMES_AT_ONCE):
                    reader.read(np.arange(first, min(first + _FRAMES_AT_ONCE, stop)))
    except VideoError as error:
        return Finding(0, _without_path(error, job.path))
    except Exception as error:  # a file may find a fault in any library; the others go on
        return Finding(0, f"{type(error).__name__}: {_without_path(error, job.path)}")
    remarks = [w.message for w in seen if isinstance(w.message, VideoWarning)]
    return Finding(num_frames, remark=_without_path(remarks[0], job.path) if remarks else "")


def check_each(
    jobs: Jobs, num_workers: int = 0, check: Check = check_video
) -> Iterator[tuple[int, Finding]]:
    """Look at every video.

    Memory does not grow with their number: a share at a time is given to each process. A video
    that kills its process, as damaged files may through a decoder, becomes a finding like others.

    Args:
        jobs: the videos.
        num_workers: processes; 0 for this one, which a killing video would end too.
        check: looks at one video; must be importable by name for processes.

    Yields:
        Position in ``jobs`` and what was found, in the order in which it is.

    Raises:
        ValueError: If no process can be started.
    """
    if num_workers == 0:
        for number in range(len(jobs)):
            yield number, check(jobs[number])
        return
    shares = _shares(len(jobs))
    running: dict[Future[list[Finding]], range] = {}
    pool = _pool(num_workers)
    try:
        while True:
            suspects: list[range] = []
            for share in islice(shares, num_workers * _SHARES_WAITING - len(running)):
                try:
                    running[pool.submit(_check_share, check, [jobs[i] for i in share])] = share
                except BrokenExecutor:
                    suspects.append(share)
            if not running and not suspects:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            for future in done:
                share = running.pop(future)
                try:
                    yield from zip(share, future.result(), strict=True)
                except BrokenExecutor:
                    suspects.append(share)
            if suspects:
                # Nobody knows which of the videos under way did it: look at each by itself.
                suspects += running.values()
                running.clear()
                pool.shutdown()
                yield from _check_alone([i for share in suspects for i in share], jobs, check)
                pool = _pool(num_workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _check_alone(numbers: Sequence[int], jobs: Jobs, check: Check) -> Iterator[tuple[int, Finding]]:
    pool = _pool(1)
    try:
        _check_health(pool)
        for number in numbers:
            try:
                yield number, pool.submit(check, jobs[number]).result()
            except BrokenExecutor:
                yield number, Finding(0, "its decoder crashed; it is damaged, copy it again")
                pool = _pool(1)
    finally:
        pool.shutdown(cancel_futures=True)


def _check_health(pool: Executor) -> None:
    try:
        pool.submit(int).result()
    except BrokenExecutor as error:
        raise ValueError(
            "num_workers must be 0 here, for processes end as soon as they start; or call it "
            "under `if __name__ == '__main__':`"
        ) from error


def _pool(num_workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(num_workers, _context(), initializer=_begin_worker)


def _context() -> Any:
    """Never copies of this process, which may run threads: a copy can wait for them for ever."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Loads the decoder once for all processes, and for those that take the place of crashed ones.
    context.set_forkserver_preload([__name__])
    return context


def _begin_worker() -> None:
    # Ctrl-C is for the process that gave the work; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Killed, it can end nobody: this one would wait for work for ever.
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _check_share(check: Check, jobs: Sequence[Job]) -> list[Finding]:
    return [check(job) for job in jobs]


def _shares(total: int) -> Iterator[range]:
    for first in range(0, total, _SHARE):
        yield range(first, min(first + _SHARE, total))


def _without_path(error: BaseException | Warning, path: str) -> str:
    return one_line(error).removeprefix(f"{path}: ")
