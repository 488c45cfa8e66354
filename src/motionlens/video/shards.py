"""Videos as JPEG frames in tar files: few large files instead of many small ones.

A shard holds, for each video, a description and its frames, named as webdataset groups samples:

    00000012.json        label, number and rate of frames, where it came from
    00000012.00000.jpg   the first frame, and so on

Beside ``train-000003.tar`` lies ``train-000003.npz`` with the place of every frame in it, so that a
clip is read frame by frame, in any order, and nothing else of the shard. A video in a shard has the
path ``train-000003.tar/00000012``.
"""

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.files import write_atomically
from motionlens.video.frames import VideoError
from motionlens.video.pictures import PictureReader, read_picture

SHARD_SUFFIX = ".tar"
# Number of tables that a process keeps: a thousand videos of 40 frames take 0.5 MB.
_KEPT_TABLES = 256


@dataclass(frozen=True, eq=False)
class ShardTable:
    """Where the frames of a shard's videos lie.

    Attributes:
        numbers: int64 ``(V,)``, ascending, names of the videos and their rows in the list that
            was packed.
        firsts: int64 ``(V + 1,)``, the first frame of each video, and their number in all.
        offsets: int64 ``(F,)``, where each frame's JPEG begins, bytes.
        sizes: int64 ``(F,)``, its length, bytes.
        fps: float64 ``(V,)``, frames per second, on average.
        broken: int64, rows of the list that could not be decoded and are left out.
        errors: str, why not.
        stamps: int64 ``(R, 2)``, size and time of change of every video of the shard, broken ones
            included, when it was packed: bytes, nanoseconds.
        num_bytes: int64 ``(1,)``, of the tar file.
        times_s: float64 ``(F,)``, when each frame is shown, seconds since its video's first; None
            in tables of older versions, whose frames are evenly spaced.
    """

    numbers: NDArray[np.int64]
    firsts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    fps: NDArray[np.float64]
    broken: NDArray[np.int64]
    errors: NDArray[np.str_]
    stamps: NDArray[np.int64]
    num_bytes: NDArray[np.int64]
    times_s: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def num_frames(self) -> NDArray[np.int64]:
        """Frames of each video, int64 ``(V,)``."""
        return np.diff(self.firsts)

    def save(self, path: Path) -> None:
        """Write the table atomically."""
        data = io.BytesIO()
        np.savez(data, **{name: v for name, v in vars(self).items() if v is not None})
        write_atomically(path, data.getvalue())


def table_path(shard: Path) -> Path:
    """The path of a shard's table."""
    return shard.with_suffix(".npz")


def video_name(number: int) -> str:
    """Name of a video in its shard."""
    return f"{number:08}"


def is_shard_path(path: Path) -> bool:
    """Whether a path names a video in a shard."""
    return path.parent.suffix == SHARD_SUFFIX and path.parent.is_file()


def load_table(shard: Path) -> ShardTable:
    """Read the table of a shard.

    Raises:
        VideoError: If it is missing or damaged.
    """
    path = table_path(shard)
    try:
        with np.load(io.BytesIO(path.read_bytes())) as arrays:
            table = ShardTable(**{name: arrays[name] for name in arrays.files})
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        raise VideoError(
            f"{path}: the table of a shard cannot be read ({reason}); pack the data set again"
        ) from None
    return table


# Readers of single videos share the tables.
read_table = lru_cache(maxsize=_KEPT_TABLES)(load_table)


def table_row(table: ShardTable, path: Path) -> int:
    """The row of the video ``<shard>.tar/<name>`` in the table of its shard.

    Raises:
        VideoError: If the shard holds no such video.
    """
    row = int(np.searchsorted(table.numbers, int(path.name))) if path.name.isdecimal() else -1
    if not 0 <= row < len(table) or video_name(int(table.numbers[row])) != path.name:
        raise VideoError(f"{path}: the shard holds no such video; see the list beside it")
    return row


class ShardReader(PictureReader):
    """A video in a shard.

    Args:
        path: ``<shard>.tar/<name>``.

    Raises:
        VideoError: If the shard holds no such video, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path, shard = path, path.parent
        table = read_table(shard)
        row = table_row(table, path)
        frames = slice(table.firsts[row], table.firsts[row + 1])
        self._offsets, self._sizes = table.offsets[frames], table.sizes[frames]
        try:
            self._file = shard.open("rb", buffering=0)
        except OSError as error:
            raise VideoError(f"{shard}: cannot be read ({error.strerror})") from None
        try:
            fps = float(table.fps[row])
            times_s = table.times_s
            spaced = np.arange(len(self._offsets)) / fps if times_s is None else times_s[frames]
            super().__init__(str(path), spaced, fps=fps)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the shard."""
        self._file.close()

    def _picture(self, index: int) -> NDArray[np.uint8]:
        self._file.seek(int(self._offsets[index]))
        content = self._file.read(int(self._sizes[index]))
        name, advice = f"{self._path}: frame {index}", "pack the data set again"
        if len(content) < self._sizes[index]:
            raise VideoError(f"{name}: cannot be read (it is cut short); {advice}")
        return read_picture(io.BytesIO(content), name, advice, is_upright=True)
