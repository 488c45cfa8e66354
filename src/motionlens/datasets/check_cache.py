"""What was found out about videos before, so that an interrupted check goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

# Of files that this version cannot use it makes nothing, and they are written on.
_VERSION = 1


class VideoKey(NamedTuple):
    """A clip as a list names it.

    Attributes:
        path: as the list has it.
        start_s: seconds; None for the start of the video.
        end_s: likewise for its end.
    """

    path: str
    start_s: float | None
    end_s: float | None


class Stamp(NamedTuple):
    """By which a changed file is known, without opening it.

    Attributes:
        size: bytes; of a frame folder what the file system says.
        mtime_ns: time of the last change, nanoseconds; of a folder: of its list of names.
    """

    size: int
    mtime_ns: int


class CheckedVideo(NamedTuple):
    """What was found out about a video.

    Attributes:
        key: which one.
        stamp: of its file when it was looked at.
        decoded: whether every frame was decoded, or was to be.
        num_frames: of the clip; 0 if it is unreadable.
        reason: why it is unreadable; else empty.
        remark: what is wrong with a readable one all the same; mostly empty.
    """

    key: VideoKey
    stamp: Stamp
    decoded: bool
    num_frames: int
    reason: str
    remark: str


def read_checked(path: Path) -> Iterator[CheckedVideo]:
    """What a cache file holds, line by line; a line that was cut short is passed over."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                version, key, stamp, decoded, num_frames, *texts = json.loads(line)
                if version == _VERSION:
                    reason, remark = map(str, texts)
                    yield CheckedVideo(
                        VideoKey(*key),
                        Stamp(*stamp),
                        bool(decoded),
                        int(num_frames),
                        reason,
                        remark,
                    )
            except (ValueError, TypeError):
                continue


def open_cache(path: Path) -> IO[str]:
    """Open a cache file to be appended to, on a new line even if the last one was cut short.

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
    """Add a line, at once: whoever is stopped afterwards has it."""
    file.write(json.dumps([_VERSION, *video], ensure_ascii=False) + "\n")
    file.flush()
