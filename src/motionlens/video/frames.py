"""Decoded pictures with their times, and the interface of every video reader.

Letters: T frames, H W rows and columns.
"""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.errors import one_line, printable

# Times come from lists as decimal text and from containers as fractions. A thousandth of a frame
# at 1000 frames per second keeps a frame at exactly the start of a window inside it.
TIME_TOLERANCE_S = 1e-6
_CHUNK = 32
# Large frames come fewer at a time, 8K two, full HD still 32: together they have so many pixels.
_CHUNK_PIXELS = 80e6
# Frames per second of folders of pictures and of arrays, where nobody says: that of Jester.
FOLDER_FPS = 12.0


class VideoError(ValueError):
    """A video that cannot be read: one line, its path first, then what to do."""

    def __init__(self, message: str) -> None:
        # A loader's worker passes on its error as the text of a traceback, from which this class is
        # built again. The last line is the message that the worker raised, which is one line.
        if "Original Traceback" in message:
            last_line = message.strip().splitlines()[-1]
            message = last_line.removeprefix(f"{__name__}.{type(self).__name__}: ")
        super().__init__(printable(message.strip()))


class VideoWarning(UserWarning):
    """A video was read, but differs from what its container announces."""


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Name the video in whatever its decoder's library raises, so that other videos go on.

    Raises:
        VideoError: For any other exception than it and a warning.
    """
    try:
        yield
    except (VideoError, Warning):
        raise
    except MemoryError as error:
        raise VideoError(
            f"{name}: takes more memory than it may; make its frames smaller, or raise "
            "max_memory_megabytes (--limits max_memory_megabytes=...)"
        ) from error
    except Exception as error:  # a file may find a fault in any library
        reason = one_line(error) or type(error).__name__
        raise VideoError(
            f"{name}: cannot be decoded ({reason}); try a player or copy it again"
        ) from error


@dataclass(frozen=True, eq=False)
class Frames:
    """Decoded pictures.

    Attributes:
        data: uint8 ``(T, 3, H, W)``, red, green, blue in 0..255, upright as a player shows them.
            The memory may be laid out channels-last.
        times_s: float64 ``(T,)``, seconds since the video's first frame.
        fps: frames per second of the video (on average), not of this choice of frames.

    Raises:
        ValueError: If a shape, a type or a value is none of these.
    """

    data: Tensor
    times_s: Tensor
    fps: float

    def __post_init__(self) -> None:
        check_frames(self.data, "data")
        if self.times_s.dtype != torch.float64 or self.times_s.shape != self.data.shape[:1]:
            raise ValueError(
                f"times_s must be float64 ({len(self)},), one time per frame, got "
                f"{self.times_s.dtype} {tuple(self.times_s.shape)}; give a time for each frame"
            )
        check_fps(self.fps)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        t, _, h, w = self.data.shape
        first, last = float(self.times_s[0]), float(self.times_s[-1])
        return (
            f"Frames({t} frames of {w}x{h} px, {first:.3f} to {last:.3f} s, {self.fps:.4g} per s)"
        )


def check_frames(frames: Tensor, name: str = "frames") -> Tensor:
    """The frames, if they are uint8 ``(T, 3, H, W)`` and not empty.

    Raises:
        ValueError: If they are not.
    """
    shape = tuple(frames.shape)
    if frames.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3 or 0 in shape:
        raise ValueError(
            f"{name} must be uint8 (T, 3, H, W), got {frames.dtype} {shape}; "
            "take them from a reader, before any normalisation"
        )
    return frames


def check_fps(fps: float) -> None:
    """Check a frame rate.

    Raises:
        ValueError: If ``fps`` is not a number above 0.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise ValueError(f"fps must be above 0, got {fps}; give the frames per second")


class VideoReader(ABC):
    """An open video whose frames are read by their numbers; also a context manager.

    Restricted to a window of time, it has the frames of the window, numbered from 0; their times
    are still those of the whole video.

    Attributes:
        name: what error messages call the video.
        fps: frames per second, on average.
        height: rows of a frame as shown, pixels.
        width: columns of a frame as shown, pixels.
        times_s: float64 ``(num_frames,)``, seconds since the video's first frame, ascending.

    Example:
        >>> import numpy as np
        >>> from motionlens.video.file import open_video
        >>> with open_video(np.zeros((24, 32, 48, 3), np.uint8), start_s=1.0) as reader:
        ...     reader.num_frames, reader.read([11, 0])
        (12, Frames(2 frames of 48x32 px, 1.917 to 1.000 s, 12 per s))
    """

    def __init__(
        self,
        name: str,
        times_s: NDArray[np.float64],  # (frames of the whole video,)
        *,
        fps: float,
        size: tuple[int, int],  # height, width
    ) -> None:
        self.name = name
        self.fps = float(fps)
        self.height, self.width = size
        self.times_s = times_s
        self._first = 0

    _kept: AbstractContextManager[object] | None = None

    def _tell_damage(self, num_frames: int) -> None:  # noqa: B027 - most do not tell
        """Warn of damage in the frames read since the last call, so many."""

    @property
    def num_frames(self) -> int:
        """The number of frames."""
        return len(self.times_s)

    def restrict(self, start_s: float | None, end_s: float | None) -> None:
        """Keep the frames with ``start_s <= time < end_s``, seconds; None for no limit.

        Raises:
            VideoError: If the window is invalid, or no frame lies in it.
        """
        start, end = check_window(self.name, start_s, end_s)
        edges = start - TIME_TOLERANCE_S, end - TIME_TOLERANCE_S
        first, stop = np.searchsorted(self.times_s, edges).tolist()
        if first == stop:
            raise VideoError(
                f"{self.name}: no frame lies between {start:g} and {end:g} s, the last one is at "
                f"{self.times_s[-1]:.3f} s; correct the window or leave it out"
            )
        self._first += first
        self.times_s = self.times_s[first:stop]

    def read(self, indices: Sequence[int] | NDArray[np.integer]) -> Frames:
        """Read frames; each is decoded once, however often it is asked for.

        Args:
            indices: at least one number in ``0..num_frames - 1``, in any order, repeats allowed.

        Returns:
            The frames in the order of ``indices``.

        Raises:
            ValueError: For no index, an index outside the range or one that is not an integer.
            VideoError: If the video turns out to be unreadable.
        """
        frames = self._read(indices)
        self._tell_damage(len(np.unique(np.asarray(indices))))
        return frames

    def _read(self, indices: Sequence[int] | NDArray[np.integer]) -> Frames:
        wanted = self._check_indices(indices)
        unique, places = np.unique(wanted, return_inverse=True)
        data = self._load(unique + self._first)
        if not np.array_equal(unique, wanted):
            data = data[torch.from_numpy(places)]
        times_s = torch.from_numpy(self.times_s[wanted])
        return Frames(data=data, times_s=times_s, fps=self.fps)

    def read_in_chunks(self, indices: Sequence[int] | NDArray[np.integer]) -> Iterator[Tensor]:
        """Read frames as uint8 ``(n, 3, H, W)``, a few at a time: large ones do not pile up."""
        fitting = int(_CHUNK_PIXELS / (self.height * self.width))
        step = max(1, min(_CHUNK, fitting))
        for first in range(0, len(indices), step):
            yield self._read(indices[first : first + step]).data
        self._tell_damage(len(indices))

    def warn_of_stillness(self) -> None:
        """Warn if the video has a single frame, which cannot show motion.

        Raises:
            VideoWarning: If so.
        """
        if self.num_frames == 1:
            warnings.warn(
                f"{self.name}: the video has one frame, which is repeated: no motion to see",
                VideoWarning,
                stacklevel=3,
            )

    def _check_indices(self, indices: Sequence[int] | NDArray[np.integer]) -> NDArray[np.int64]:
        wanted = np.asarray(indices)
        if wanted.ndim != 1 or len(wanted) == 0 or wanted.dtype.kind not in "iu":
            raise ValueError(
                f"{self.name}: indices must be a list of at least one whole number, got "
                f"{wanted.dtype} of shape {wanted.shape}; name the frames to read"
            )
        if wanted.min() < 0 or wanted.max() >= self.num_frames:
            raise ValueError(
                f"{self.name}: indices must lie in 0..{self.num_frames - 1}, got "
                f"{wanted.min()}..{wanted.max()}; choose them with motionlens.clips.sampling"
            )
        return wanted.astype(np.int64)

    @abstractmethod
    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        """Ascending, distinct indices into the whole video -> uint8 ``(n, 3, H, W)``."""

    def keep(self, opened: AbstractContextManager[object]) -> None:
        """Keep something open until the reader is closed."""
        self._kept = opened

    def close(self) -> None:
        """Close what is open; the reader cannot be used afterwards."""
        if self._kept is not None:
            self._kept.__exit__(None, None, None)
            self._kept = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def check_window(name: str, start_s: float | None, end_s: float | None) -> tuple[float, float]:
    """Start and end of a window of time, seconds; 0 and infinity where they are None.

    Raises:
        VideoError: Unless ``0 <= start < end``.
    """
    start = 0.0 if start_s is None else start_s
    end = math.inf if end_s is None else end_s
    if not 0 <= start < end:
        raise VideoError(
            f"{name}: start and end must be seconds with 0 <= start < end, got {start_s} and "
            f"{end_s}; correct the window"
        )
    return start, end
