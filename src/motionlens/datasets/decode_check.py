"""Check whether videos are there and can be decoded, and remember what was found.

A check that was interrupted goes on where it stopped, and no video ends it.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np

from motionlens._utils.errors import one_line
from motionlens._utils.process_pool import Lost, run_in_processes
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoWarning

CheckLevel = Literal["open", "decode", "none"]
OnProgress = Callable[[int, int], None]

# Size in bytes and time of the last change in nanoseconds; of a frame folder those of the folder.
Stamp = tuple[int, int]

MISSING = "nothing is there"
# A process that decodes one video for longer is killed: the decoder hangs.
DEADLINE_S = 1800.0
# Decoded at once, so that a long video needs no more memory than a short one.
_FRAMES_AT_ONCE = 32
# Asking a file server for one file after the other is slow; it answers several at once.
_STAT_THREADS, _STATS_AT_ONCE = 8, 500
# Lines of another version in a file of findings are ignored.
_VERSION = 1


class VideoKey(NamedTuple):
    """A clip as a list names it.

    Attributes:
        path: as the list has it.
        start_s: where the clip begins, seconds; None for the start of the video.
        end_s: where it ends, seconds; None for the end of the video.
    """

    path: str
    start_s: float | None = None
    end_s: float | None = None


class Finding(NamedTuple):
    """What was found.

    Attributes:
        num_frames: of the clip; 0 if it is unreadable, None if frames were not counted.
        reason: why it is unreadable; empty if it is readable.
        remark: what is wrong with a readable video; mostly empty.
    """

    num_frames: int | None
    reason: str = ""
    remark: str = ""


class Job(NamedTuple):
    """A video to be checked.

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


def check_videos(
    folder: Path,
    keys: Iterable[VideoKey],
    cache: Path,
    *,
    check: CheckLevel,
    fps: float,
    num_workers: int = 0,
    on_progress: OnProgress | None = None,
) -> dict[VideoKey, Finding]:
    """Find out the state of every video.

    Args:
        folder: that relative paths start from.
        keys: the videos.
        cache: file of earlier findings, appended to. They are believed while a file keeps its
            stamp, except that an unreadable video is checked again.
        check: open every video, decode every frame, or only see whether it is there.
        fps: frames per second of frame folders.
        num_workers: processes; 0 for this one.
        on_progress: called with the number of videos checked and of all that are there.

    Raises:
        ValueError: If no process can be started.
        OSError: If the cache cannot be written.
    """
    stamps = _stamps(folder, list(dict.fromkeys(keys)))
    found = {key: Finding(0, MISSING) for key, stamp in stamps.items() if stamp is None}
    there = [key for key, stamp in stamps.items() if stamp is not None]
    if check == "none":
        return found | dict.fromkeys(there, Finding(None))
    known, decode_again = _recall(cache, stamps, decode=check == "decode")
    found |= known
    waiting = [key for key in there if key not in known]
    done = len(there) - len(waiting)
    if on_progress is not None:
        on_progress(done, len(there))

    def decodes(key: VideoKey) -> bool:
        return check == "decode" or key in decode_again

    jobs = (
        Job(str(folder / key.path), key.start_s, key.end_s, fps, decodes(key)) for key in waiting
    )
    with open_cache(cache) as file, closing(check_each(jobs, num_workers)) as findings:
        for number, finding in findings:
            key = waiting[number]
            found[key] = finding
            append_checked(file, CheckedVideo(key, stamps[key], decodes(key), finding))
            done += 1
            if on_progress is not None:
                on_progress(done, len(there))
    return found


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
    jobs: Iterable[Job], num_workers: int = 0, check: Callable[[Job], Finding] = check_video
) -> Generator[tuple[int, Finding]]:
    """Check every video; one that crashes or hangs its process becomes a finding like others.

    Args:
        jobs: the videos, taken as processes become free.
        num_workers: processes; 0 for this one, which a crash would end too.
        check: checks one video; must be importable by name for processes.

    Yields:
        Position in ``jobs`` and what was found, in the order in which it is.

    Raises:
        ValueError: If no process can be started.
    """
    results = run_in_processes(check, jobs, num_workers=num_workers, deadline_s=DEADLINE_S)
    for number, found in results:
        if isinstance(found, Lost):
            found = Finding(0, f"its decoder {found.reason}; it is damaged, copy it again")
        yield number, found


class CheckedVideo(NamedTuple):
    """A line of a file of findings.

    Attributes:
        key: which video.
        stamp: of its file when it was checked.
        decoded: whether every frame was decoded, or was to be.
        finding: what was found.
    """

    key: VideoKey
    stamp: Stamp | None
    decoded: bool
    finding: Finding


def read_checked(path: Path) -> Iterator[CheckedVideo]:
    """The lines of a file of findings; one that was cut short is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                version, key, (size, mtime_ns), decoded, num_frames, reason, remark = json.loads(
                    line
                )
                if version == _VERSION:
                    finding = Finding(int(num_frames), str(reason), str(remark))
                    yield CheckedVideo(VideoKey(*key), (size, mtime_ns), bool(decoded), finding)
            except (ValueError, TypeError):
                continue


def open_cache(path: Path) -> IO[str]:
    """Open a file of findings to append to, on a new line even if the last one was cut short.

    It holds lines of JSON and is no database: a killed process loses the line it was writing.

    Raises:
        OSError: If it cannot be written.
    """
    file = path.open("a+", encoding="utf-8")
    file.seek(0, 2)
    if file.tell():
        with path.open("rb") as written:
            written.seek(-1, 2)
            if written.read(1) != b"\n":
                file.write("\n")
    return file


def append_checked(file: IO[str], video: CheckedVideo) -> None:
    """Add a line and write it out at once."""
    line = [_VERSION, video.key, video.stamp, video.decoded, *video.finding]
    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    file.flush()


def _stamps(folder: Path, keys: Sequence[VideoKey]) -> dict[VideoKey, Stamp | None]:
    """Stamp of every video; None if nothing is there."""

    def stamp(key: VideoKey) -> Stamp | None:
        try:
            status = os.stat(folder / key.path)
        except OSError:
            return None
        return status.st_size, status.st_mtime_ns

    def stamp_some(first: int) -> list[Stamp | None]:
        return [stamp(key) for key in keys[first : first + _STATS_AT_ONCE]]

    with ThreadPoolExecutor(_STAT_THREADS) as pool:
        some = pool.map(stamp_some, range(0, len(keys), _STATS_AT_ONCE))
        return dict(zip(keys, (stamp for stamps in some for stamp in stamps), strict=True))


def _recall(
    cache: Path, stamps: Mapping[VideoKey, Stamp | None], *, decode: bool
) -> tuple[dict[VideoKey, Finding], set[VideoKey]]:
    """Findings that still hold, and unreadable videos that only decoding may show to be so."""
    known: dict[VideoKey, Finding] = {}
    decode_again: set[VideoKey] = set()
    for video in read_checked(cache):
        if stamps.get(video.key) != video.stamp:
            continue
        if video.finding.reason:
            known.pop(video.key, None)
            (decode_again.add if video.decoded else decode_again.discard)(video.key)
        elif video.decoded or not decode:
            known[video.key] = video.finding
    return known, decode_again


def _without_path(error: BaseException | Warning, path: str) -> str:
    return one_line(error).removeprefix(f"{path}: ")
