"""Videos that are pictures: a folder of them, an animated WebP."""

import fnmatch
import glob
import io
import os
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.addresses import Address, exists, is_dir
from motionlens._utils.errors import one_line
from motionlens._utils.remote_files import StoreError
from motionlens.video.fetching import fetched
from motionlens.video.frames import VideoError, VideoReader, check_fps
from motionlens.video.limits import Limits
from motionlens.video.picture_decoding import BROKEN, open_picture, read_picture, reason_of

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_LONGEST_PATTERN = 1000


def is_picture(path: Path) -> bool:
    """Whether a path names a picture, by its suffix; hidden files and animations do not count."""
    suffix = path.suffix.lower()
    is_visible = suffix in PICTURE_SUFFIXES and not path.name.startswith(".")
    return is_visible and not (suffix == ".webp" and is_animation(path))


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which ``frame9.jpg`` comes before ``frame10.jpg``.

    Example:
        >>> sorted([Path("f10.jpg"), Path("f9.jpg")], key=natural_key)[0].name
        'f9.jpg'
    """
    parts = re.split(r"(\d+)", path.name)
    # The file name itself settles ties such as 1.jpg and 01.jpg.
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts] + [(2, 0, path.name)]


class PictureReader(VideoReader):
    """A video whose frames are pictures of their own, each decoded without the others."""

    def __init__(
        self, name: str, times_s: NDArray[np.float64], limits: Limits, *, fps: float
    ) -> None:
        self._limits = limits
        first = self._first_picture = self._picture(0)
        super().__init__(name, times_s, fps=fps, size=first.shape[:2])

    @abstractmethod
    def _picture(self, index: int) -> NDArray[np.uint8]:
        """One frame, ``(H, W, 3)``, of the first one's size."""

    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        self._limits.check_clip(self.name, len(indices), self.height, self.width)
        data = np.empty((len(indices), self.height, self.width, 3), np.uint8)
        for place, index in enumerate(indices.tolist()):
            data[place] = self._picture(index) if index else self._first_picture
        return torch.from_numpy(data).permute(0, 3, 1, 2)


def is_pattern(path: Path) -> bool:
    """Whether a path names some of the pictures in a folder, such as ``folder/img_*``."""
    # Of thousands of brackets fnmatch makes an expression in a time that grows with their square.
    if len(path.name) > _LONGEST_PATTERN or not any(sign in path.name for sign in "*?["):
        return False
    # Path.exists() raises for names that are too long.
    return not exists(path) and is_dir(path.parent)


def find_pictures(folder: Path, pattern: str = "*") -> list[Path]:
    """The pictures directly inside a folder whose names fit a pattern, in natural order."""
    # Path.glob would look below the folder, or raise, for a pattern with two stars.
    paths = folder.iterdir() if is_dir(folder) else ()
    found = (path for path in paths if fnmatchcase(path.name, pattern))
    return sorted(filter(is_picture, found), key=natural_key)


class FolderReader(PictureReader):
    """The pictures directly inside a folder, as a video at a given rate.

    Args:
        folder: holds pictures of one size, shown in natural order of their names.
        limits: how large they may be.
        fps: frames per second, which pictures do not store.
        pattern: which of them, such as ``img_*``.

    Raises:
        VideoError: If there are no pictures, there are several series, or the first is unreadable.
    """

    def __init__(self, folder: Path, limits: Limits, *, fps: float, pattern: str = "*") -> None:
        check_fps(fps)
        self._paths = find_pictures(folder, pattern)
        if not self._paths:
            kinds, of = ", ".join(sorted(PICTURE_SUFFIXES)), "" if pattern == "*" else f" {pattern}"
            raise VideoError(
                f"{folder}: holds no pictures{of} ({kinds}), so it is not a frame "
                "folder; name a video file or a folder with one picture per frame"
            )
        check_one_series(folder, self._paths)
        times_s = np.arange(len(self._paths)) / fps
        name = str(folder / pattern if pattern != "*" else folder)
        super().__init__(name, times_s, limits, fps=fps)

    def _picture(self, index: int) -> NDArray[np.uint8]:
        path = self._paths[index]
        with fetched(path) as local:
            picture = read_picture(local, str(path), "replace or remove it", self._limits)
        if index and picture.shape != self._first_picture.shape:
            raise VideoError(
                f"{path}: pictures of one folder must have one size, the first is "
                f"{self.width}x{self.height} and this {picture.shape[1]}x{picture.shape[0]}; "
                "resize it or put it into another folder"
            )
        return picture


def check_one_series(folder: Path, paths: Sequence[Path]) -> None:
    """Check that pictures are the frames of one video: named alike but for numbers, each once.

    Raises:
        VideoError: If there are several series, such as ``img_`` and ``flow_x_``, or a picture is
            there in two formats.
    """
    stems: dict[str, Path] = {}
    for path in paths:
        twin = stems.setdefault(path.stem, path)
        if twin is not path:
            raise VideoError(
                f"{folder}: {twin.name} and {path.name} are the same frame twice; remove one kind "
                f"or name the other{_hint(folder)}"
            )
    series = Counter(_series(path) for path in paths)
    if len(series) > 1 and max(series.values()) > 1:
        counts = ", ".join(f"{count} of {name}" for name, count in sorted(series.items())[:5])
        raise VideoError(
            f"{folder}: holds {len(series)} series of pictures ({counts}), a video is one; name "
            f"its pictures{_hint(folder)}"
        )


def _series(path: Path) -> str:
    """A picture's name without its numbers: ``img_#`` for ``img_012.png``."""
    # Also digits that are no decimals, such as ².
    return re.sub("#+", "#", "".join("#" if c.isdigit() else c for c in path.stem))


def _hint(folder: Path) -> str:
    """A pattern that picks one series of a folder's pictures; empty if none does."""
    paths = list(filter(is_picture, folder.iterdir()))
    groups = Counter((_series(path), path.suffix) for path in paths)
    patterns = [f"*{suffix}" for suffix in sorted({path.suffix for path in paths})]
    for (name, suffix), _ in groups.most_common(10):
        first = next(p for p in paths if (_series(p), p.suffix) == (name, suffix))
        digits = "".join("[0-9]" if c.isdigit() else glob.escape(c) for c in first.stem)
        patterns += [glob.escape(name).replace("#", "[0-9]*") + suffix, digits + suffix]
    best, most = "", 0
    for pattern in patterns:
        found = [path for path in paths if fnmatch.fnmatchcase(path.name, pattern)]
        is_one = len({_series(path) for path in found}) == 1
        if is_one and len({path.stem for path in found}) == len(found) > most:
            best, most = pattern, len(found)
    return f", such as '{folder / best}'" if best else ""


def is_webp(path: Path) -> bool:
    """Whether a file is a WebP picture, still or animated, by its content."""
    head = _webp_head(path)
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def is_animation(path: Path) -> bool:
    """Whether a file is an animated WebP, by its content."""
    head = _webp_head(path)
    return is_webp(path) and head[12:16] == b"VP8X" and bool(head[20] & 2)


def _webp_head(path: Path) -> bytes:
    try:
        if isinstance(path, Address):
            return path.read_start(21).ljust(21)
        with path.open("rb") if os.path.isfile(path) else io.BytesIO() as file:
            return file.read(21).ljust(21)
    except StoreError:
        raise
    except OSError:
        return bytes(21)


class WebpReader(PictureReader):
    """An animated WebP, which FFmpeg does not read; a still one has one frame.

    Args:
        path: the file.
        limits: how much it may ask for.
        name: what messages call it; its path by default.

    Raises:
        VideoError: If it cannot be read, or is beyond the limits.
    """

    def __init__(self, path: Path, limits: Limits, *, name: str = "") -> None:
        self._path = path
        self.name = name = name or str(path)
        try:
            self._image = open_picture(path, name, limits, ("WEBP",))
        except VideoError:
            raise
        except BROKEN as error:
            reason = reason_of(error, ("WEBP",))
            raise VideoError(
                f"{name}: cannot be read as a picture ({reason}); copy it again"
            ) from error
        durations_s = _durations_s(path.read_bytes())[: self._num_pictures]
        times_s = np.cumsum([0.0, *durations_s])
        try:
            limits.check_packets(name, len(durations_s))
            super().__init__(name, times_s[:-1], limits, fps=len(durations_s) / times_s[-1])
        except BaseException:
            self.close()
            raise

    @property
    def _num_pictures(self) -> int:
        return int(getattr(self._image, "n_frames", 1))

    def close(self) -> None:
        """Close the file."""
        self._image.close()
        super().close()

    def _picture(self, index: int) -> NDArray[np.uint8]:
        # Pillow decodes all pictures before this one, from the first if it has gone past it.
        image = self._image
        pixels = index * image.height * image.width
        self._limits.check_decoded(self.name, pixels, self._path.stat().st_size)
        try:
            image.seek(index)
            return np.asarray(image.convert("RGB"))
        except BROKEN as error:
            raise VideoError(
                f"{self.name}: frame {index} cannot be read ({one_line(error)}); copy it again"
            ) from error


def _durations_s(content: bytes) -> list[float]:
    """How long each picture of a WebP is shown, seconds; 0.1 for those that browsers hold so."""
    durations_ms, place = [], 12
    while place + 24 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        if content[place : place + 4] == b"ANMF":
            durations_ms.append(int.from_bytes(content[place + 20 : place + 23], "little"))
        place += 8 + size + size % 2
    return [ms / 1000 if ms > 10 else 0.1 for ms in durations_ms or [0]]
