"""Videos as JPEG frames in tar files: few large files instead of many small ones.

A shard holds, for each video, a description and its frames, named as webdataset groups samples:

    00000012.json        label, number and rate of frames, where it came from
    00000012.00000.jpg   the first frame, and so on

Beside ``train-000003.tar`` lies ``train-000003.npz`` with the place of every frame in it, so that a
clip is read frame by frame, in any order, and nothing else of the shard. A video in a shard has the
path ``train-000003.tar/00000012``.
"""

import io
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.addresses import Address
from motionlens._utils.errors import one_line
from motionlens._utils.files import check_expansion, write_atomically
from motionlens._utils.remote_files import StoreError
from motionlens._utils.remote_ranges import RangeReader
from motionlens.video.frames import VideoError
from motionlens.video.limits import Limits
from motionlens.video.picture_decoding import read_picture
from motionlens.video.pictures import PictureReader

SHARD_SUFFIX = ".tar"
_WHOLE_NUMBERS = ("numbers", "firsts", "offsets", "sizes", "broken", "num_bytes")
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
    """Whether a path names a video in a shard; the shard at an address is not asked for."""
    is_named = path.parent.suffix == SHARD_SUFFIX
    return is_named and (isinstance(path, Address) or os.path.isfile(path.parent))


def load_table(shard: Path) -> ShardTable:
    """Read the table of a shard.

    Raises:
        VideoError: If it is missing or damaged.
    """
    path = table_path(shard)
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        num_bytes = (
            RangeReader(shard).num_bytes if isinstance(shard, Address) else shard.stat().st_size
        )
        table = _parsed_table(path.read_bytes(), num_bytes)
    except StoreError:
        raise
    except OSError as error:
        reason = error.strerror or "it is damaged"
    # A damaged archive of arrays raises errors of zipfile, zlib, NumPy and others.
    except Exception as error:
        reason = f"it is damaged: {one_line(error)[:80]}"
    else:
        return table
    raise VideoError(
        f"{path}: the table of a shard cannot be read ({reason}); pack the data set again"
    ) from None


def _parsed_table(content: bytes, num_bytes: int) -> ShardTable:
    """The table in a file, whose parts agree with each other and with the shard's size.

    Raises:
        Exception: Of many types if it is damaged.
    """
    check_expansion(io.BytesIO(content))
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        table = ShardTable(**{name: arrays[name] for name in arrays.files})
    V, F = len(table.numbers), len(table.offsets)
    whole = (*_WHOLE_NUMBERS, "stamps")
    kinds = {name: "int64" for name in whole} | {"fps": "float64", "times_s": "float64"}
    for name, array in vars(table).items():
        if array is not None and not np.issubdtype(array.dtype, kinds.get(name, np.str_)):
            raise ValueError(f"{name} holds {array.dtype}")
    shapes = {
        "numbers": (V,), "firsts": (V + 1,), "offsets": (F,), "sizes": (F,), "fps": (V,),
        "errors": (len(table.broken),), "broken": (len(table.broken),), "num_bytes": (1,),
        "stamps": (len(table.stamps), 2), "times_s": (F,),
    }  # fmt: skip
    for name, shape in shapes.items():
        array = getattr(table, name)
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, not {shape}")
    firsts = table.firsts
    if int(firsts[0]) != 0 or int(firsts[-1]) != F or (np.diff(firsts) < 1).any():
        raise ValueError("the frames of its videos do not follow each other")
    if (np.diff(table.numbers) < 1).any() or not (np.isfinite(table.fps) & (table.fps > 0)).all():
        raise ValueError("its videos are out of order or have no frame rate")
    if F and (table.offsets.min() < 0 or table.sizes.min() < 1):
        raise ValueError("a frame has no place")
    if F and table.sizes.max() > num_bytes:
        raise ValueError("a frame is larger than the shard")
    if table.times_s is not None:
        steps = np.delete(np.diff(table.times_s), firsts[1:-1] - 1)  # those inside of a video
        if not (np.isfinite(table.times_s).all() and (steps >= 0).all()):
            raise ValueError("a frame has no time, or is before the one that it follows")
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


def _opened(shard: Path) -> IO[bytes] | RangeReader:
    if isinstance(shard, Address):
        return RangeReader(shard)
    return shard.open("rb", buffering=0)


class ShardReader(PictureReader):
    """A video in a shard.

    Args:
        path: ``<shard>.tar/<name>``.
        limits: how large its frames may be.

    Raises:
        VideoError: If the shard holds no such video, or cannot be read.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path, shard = path, path.parent
        table = read_table(shard)
        row = table_row(table, path)
        frames = slice(table.firsts[row], table.firsts[row + 1])
        self._offsets, self._sizes = table.offsets[frames], table.sizes[frames]
        try:
            self._file = _opened(shard)
        except StoreError:
            raise
        except OSError as error:
            raise VideoError(f"{shard}: cannot be read ({error.strerror})") from None
        if isinstance(self._file, RangeReader) and self._file.num_bytes != table.num_bytes[0]:
            raise VideoError(f"{shard}: is not the shard of its table; copy both once more")
        try:
            fps = float(table.fps[row])
            times_s = table.times_s
            spaced = np.arange(len(self._offsets)) / fps if times_s is None else times_s[frames]
            super().__init__(str(path), spaced, limits, fps=fps)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the shard."""
        self._file.close()
        super().close()

    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        if isinstance(self._file, RangeReader):
            firsts = self._offsets[indices]
            ends = firsts + self._sizes[indices]
            self._file.fetch(zip(firsts.tolist(), ends.tolist(), strict=True))
        return super()._load(indices)

    def _picture(self, index: int) -> NDArray[np.uint8]:
        name, advice = f"{self._path}: frame {index}", "pack the data set again"
        try:
            self._file.seek(int(self._offsets[index]))
            content = self._file.read(int(self._sizes[index]))
        except StoreError:
            raise
        except OSError as error:
            raise VideoError(f"{name}: cannot be read ({error.strerror}); {advice}") from None
        if len(content) < self._sizes[index]:
            raise VideoError(f"{name}: cannot be read (it is cut short); {advice}")
        picture = read_picture(
            io.BytesIO(content), name, advice, self._limits, formats=("JPEG",), is_upright=True
        )
        if index and picture.shape != self._first_picture.shape:
            raise VideoError(f"{name}: has another size than the first; {advice}")
        return picture
