"""Find the videos of an index that cannot be read, before training depends on them."""

import os
import warnings
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from motionlens._utils.csv_files import read_csv, write_csv
from motionlens._utils.errors import printable
from motionlens.clips.video_index import VideoIndex
from motionlens.video.frames import VideoError, VideoWarning

_MAX_THREADS = 8
_COLUMNS = ("path", "start", "reason")

# A clip's path, and where it begins in its video, as text; empty for the start of the video.
ClipKey = tuple[str, str]


def clip_key(index: VideoIndex, i: int) -> ClipKey:
    """Key of clip ``i``, different for two clips of one video."""
    start_s, _ = index.window(i)
    return str(index.path(i)), "" if start_s is None else repr(start_s)


def find_broken(index: VideoIndex, videos: Iterable[int]) -> dict[ClipKey, str]:
    """Open videos and decode their first and last frame.

    Args:
        index: the videos.
        videos: which of them.

    Returns:
        The reason for each that cannot be read, in the order of ``videos``.
    """

    def open_one(i: int) -> tuple[ClipKey, str] | None:
        try:
            with index.open(i) as reader:
                reader.read([0, reader.num_frames - 1])
        except VideoError as error:
            return clip_key(index, i), str(error).removeprefix(f"{printable(index.path(i))}: ")
        return None

    with warnings.catch_warnings():
        # The same warnings come when the video is used.
        warnings.simplefilter("ignore", VideoWarning)
        # The decoder releases Python's lock, so threads suffice.
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS)) as pool:
            found = [one for one in pool.map(open_one, videos) if one is not None]
    return dict(found)


def without_clips(index: VideoIndex, left_out: Collection[ClipKey]) -> VideoIndex:
    """The index without these clips."""
    if not left_out:
        return index
    return index.subset([i for i in range(len(index)) if clip_key(index, i) not in left_out])


def save_broken(path: Path, broken: Mapping[ClipKey, str]) -> None:
    """Write which clips are broken and why as CSV.

    Raises:
        OSError: If it cannot be written.
    """
    write_csv(path, [_COLUMNS, *([*key, reason] for key, reason in broken.items())])


def load_broken(path: Path) -> dict[ClipKey, str]:
    """Read what :func:`save_broken` wrote.

    Raises:
        ValueError: If the file cannot be read.
    """
    rows = read_csv(path, _COLUMNS, hint="start a new run")
    return {(row["path"], row["start"]): row["reason"] for row in rows}
