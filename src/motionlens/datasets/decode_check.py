"""Check whether videos are there and can be decoded, and remember what was found.

A check that was interrupted goes on where it stopped, and no video ends it.
"""

import os
import warnings
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Literal, NamedTuple

from motionlens._utils.addresses import Address, find_all, join, join_names
from motionlens._utils.engines import Engine
from motionlens._utils.errors import json_line, one_line, printable
from motionlens._utils.files import naming, parse_json
from motionlens._utils.process_pool import run_in_processes
from motionlens._utils.remote_files import Found, StoreError
from motionlens._utils.retries import one_by_one
from motionlens._utils.worker_process import Lost
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoWarning
from motionlens.video.pictures import is_pattern

CheckLevel = Literal["open", "decode", "none"]
OnProgress = Callable[[int, int], None]

# A clip: its path as the list has it, start and end in seconds, None for those of the video.
VideoKey = tuple[str, float | None, float | None]
# Size in bytes and time of the last change in nanoseconds; of a frame folder those of the folder.
Stamp = tuple[int, int]

MISSING = "nothing is there"
# A process that decodes one video for longer is killed: the decoder hangs.
DEADLINE_S = 1800.0
# Videos that an actor of a cluster is handed at a time.
_BATCH = 8
# Asking a file server for one file after the other is slow; it answers several at once.
_STAT_THREADS, _STATS_AT_ONCE = 8, 500
# Lines of another version in a file of findings are ignored.
_VERSION = 1


class Finding(NamedTuple):
    """What was found.

    Attributes:
        num_frames: of the clip; 0 if it is unreadable, None if frames were not counted.
        reason: why it is unreadable; empty if it is readable.
        remark: what is wrong with a readable video; mostly empty.
        fps: frames per second on average; None if it is unreadable or was not opened.
    """

    num_frames: int | None
    reason: str = ""
    remark: str = ""
    fps: float | None = None


class Job(NamedTuple):
    """A video to be checked or packed.

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
    engine: Engine | None = None,
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
        engine: checks them instead.
        on_progress: called with the number of videos checked and of all that are there.

    Raises:
        ValueError: If no process can be started.
        OSError: If the cache cannot be written.
    """
    stamps = find_stamps(folder, list(dict.fromkeys(keys)))
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

    top = folder if engine is None else folder.absolute()
    jobs = (Job(join_names(top, key[0]), key[1], key[2], fps, decodes(key)) for key in waiting)
    with (
        open_cache(cache) as file,
        closing(check_each(jobs, num_workers, engine=engine)) as findings,
    ):
        for number, finding in findings:
            key = waiting[number]
            found[key] = finding
            append_checked(file, (key, stamps[key], decodes(key), finding))
            done += 1
            if on_progress is not None:
                on_progress(done, len(there))
    return found


def check_video(job: Job) -> Finding:
    """Open a video, and decode it if that is wanted; any error becomes a reason."""
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always", VideoWarning)
            with open_video(job.path, start_s=job.start_s, end_s=job.end_s, fps=job.fps) as reader:
                num_frames, times_s = reader.num_frames, reader.times_s
                span_s = float(times_s[-1] - times_s[0])
                # Heads of files may declare something else.
                rate = (num_frames - 1) / span_s if span_s else reader.fps
                for _ in reader.read_in_chunks(range(num_frames if job.decode else 1)):
                    pass
    except VideoError as error:
        return Finding(0, _without_path(error, job.path))
    except StoreError:  # says nothing of the video
        raise
    except Exception as error:  # a file may find a fault in any library; the others go on
        return Finding(0, f"{type(error).__name__}: {_without_path(error, job.path)}")
    remarks = [w.message for w in seen if isinstance(w.message, VideoWarning)]
    remark = "; ".join(dict.fromkeys(_without_path(one, job.path) for one in remarks))
    return Finding(num_frames, remark=remark, fps=rate)


def check_each(
    jobs: Iterable[Job],
    num_workers: int = 0,
    check: Callable[[Job], Finding] = check_video,
    engine: Engine | None = None,
) -> Generator[tuple[int, Finding]]:
    """Check every video; one that crashes or hangs its process becomes a finding like others.

    Args:
        jobs: the videos, taken as processes become free.
        num_workers: processes; 0 for this one, which a crash would end too.
        check: checks one video; must be importable by name for processes.
        engine: where to check instead of processes of this machine; it tries those again that
            crash or hang.

    Yields:
        Position in ``jobs`` and what was found, in the order in which it is.

    Raises:
        ValueError: If no process can be started.
    """
    results: Generator[tuple[int, Finding | Lost]]
    if engine is None:
        results = run_in_processes(check, jobs, num_workers=num_workers, deadline_s=DEADLINE_S)
    else:
        work = partial(one_by_one, check)
        results = engine.run(work, jobs, batch_size=_BATCH, deadline_s=DEADLINE_S)
    for number, found in results:
        if isinstance(found, Lost):
            found = Finding(0, f"its decoder {found.reason}; it is damaged, copy it again")
        yield number, found


# A line of a file of findings: a video, the stamp of its file when it was checked, whether every
# frame was to be decoded, and what was found.
Checked = tuple[VideoKey, Stamp | None, bool, Finding]


def read_checked(path: Path) -> Iterator[Checked]:
    """The lines of a file of findings; one that was cut short is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                version, key, (size, mtime_ns), decoded, *finding = parse_json(line)
                if version == _VERSION:
                    # Lines of older versions have no frame rate.
                    num_frames, reason, remark, *rate = finding
                    fps = float(rate[0]) if rate and rate[0] is not None else None
                    found = Finding(int(num_frames), str(reason), str(remark), fps)
                    name, start_s, end_s = key
                    yield (name, start_s, end_s), (size, mtime_ns), bool(decoded), found
            except (ValueError, TypeError):
                continue


def open_cache(path: Path) -> IO[bytes]:
    """Open a file of findings to append to, on a new line even if the last one was cut short.

    It holds lines of JSON and is no database: a killed process loses the line it was writing.

    Raises:
        OSError: If it cannot be written.
    """
    file = path.open("ab+")
    if file.tell():
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
    return file


def append_checked(file: IO[bytes], checked: Checked) -> None:
    """Add a line and write it out at once."""
    key, stamp, decoded, finding = checked
    line = [_VERSION, key, stamp, decoded, *finding]
    with naming(Path(file.name)):
        file.write(json_line(line).encode() + b"\n")
        file.flush()


def file_stamp(path: Path) -> Stamp | None:
    """Size and time of change of a file or folder; None if nothing is there."""
    if isinstance(path, Address):
        return _as_stamp(path.found())
    try:
        status = (path.parent if is_pattern(path) else path).stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _as_stamp(found: Found | None) -> Stamp | None:
    """The stamp of what lies at an address, where a number stands for its version."""
    return None if found is None else (found.size or 0, zlib.crc32(found.version.encode()))


def find_stamps(folder: Path, keys: Sequence[VideoKey]) -> dict[VideoKey, Stamp | None]:
    """Stamp of every video; None if nothing is there."""
    if isinstance(folder, Address):
        found = find_all([join(folder, path) for path, *_ in keys])
        return dict(zip(keys, map(_as_stamp, found), strict=True))

    def stamp_some(first: int) -> list[Stamp | None]:
        return [file_stamp(folder / path) for path, *_ in keys[first : first + _STATS_AT_ONCE]]

    with ThreadPoolExecutor(_STAT_THREADS) as pool:
        some = pool.map(stamp_some, range(0, len(keys), _STATS_AT_ONCE))
        return dict(zip(keys, chain.from_iterable(some), strict=True))


def _recall(
    cache: Path, stamps: Mapping[VideoKey, Stamp | None], *, decode: bool
) -> tuple[dict[VideoKey, Finding], set[VideoKey]]:
    """Findings that still hold, and unreadable videos that only decoding may show to be so."""
    known: dict[VideoKey, Finding] = {}
    decode_again: set[VideoKey] = set()
    for key, stamp, decoded, finding in read_checked(cache):
        if stamps.get(key) != stamp:
            continue
        if finding.reason:
            known.pop(key, None)
            (decode_again.add if decoded else decode_again.discard)(key)
        elif decoded or not decode:
            known[key] = finding
    return known, decode_again


def _without_path(error: BaseException | Warning, path: str) -> str:
    return one_line(error).removeprefix(f"{printable(path)}: ")
