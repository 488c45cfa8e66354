"""Videos that need no video decoder: a folder of pictures, an array in memory."""

import io
import re
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from motionlens._utils.errors import one_line
from motionlens.video.frames import VideoError, VideoReader, check_fps

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


def is_picture(path: Path) -> bool:
    """Whether a path names a picture, by its suffix; hidden files do not count."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which ``frame9.jpg`` comes before ``frame10.jpg``.

    Example:
        >>> sorted([Path("f10.jpg"), Path("f9.jpg")], key=natural_key)[0].name
        'f9.jpg'
    """
    parts = re.split(r"(\d+)", path.name)
    # The file name itself settles ties such as 1.jpg and 01.jpg.
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts] + [(2, 0, path.name)]


def read_picture(
    file: Path | io.BytesIO, name: str, advice: str, *, is_upright: bool = False
) -> NDArray[np.uint8]:
    """One picture, upright: uint8 ``(H, W, 3)``.

    Args:
        file: the picture.
        name: of the picture, for errors.
        advice: what to do about an error.
        is_upright: it is stored as it is shown, so no tag needs to be looked for.

    Raises:
        VideoError: If it cannot be read; with its name and the advice.
    """
    try:
        with Image.open(file) as image:
            if not is_upright:
                ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(image.convert("RGB"))
    # For broken files Pillow's decoders raise SyntaxError and others besides OSError.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = one_line(error)
        raise VideoError(f"{name}: cannot be read as a picture ({reason}); {advice}") from error


class PictureReader(VideoReader):
    """A video whose frames are pictures of their own, each decoded without the others."""

    def __init__(self, name: str, num_pictures: int, *, fps: float) -> None:
        first = self._first_picture = self._picture(0)
        super().__init__(name, np.arange(num_pictures) / fps, fps=fps, size=first.shape[:2])

    @abstractmethod
    def _picture(self, index: int) -> NDArray[np.uint8]:
        """One frame, ``(H, W, 3)``, of the first one's size."""

    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        data = np.empty((len(indices), self.height, self.width, 3), np.uint8)
        for place, index in enumerate(indices.tolist()):
            data[place] = self._picture(index) if index else self._first_picture
        return torch.from_numpy(data).permute(0, 3, 1, 2)


class FolderReader(PictureReader):
    """The pictures directly inside a folder, as a video at a given rate.

    Args:
        folder: holds ``.jpg``, ``.jpeg`` or ``.png`` files of one size, shown in natural order of
            their names.
        fps: frames per second, which pictures do not store.

    Raises:
        VideoError: If the folder holds no pictures or the first is unreadable.
    """

    def __init__(self, folder: Path, *, fps: float) -> None:
        check_fps(fps)
        self._paths = sorted(filter(is_picture, folder.iterdir()), key=natural_key)
        if not self._paths:
            raise VideoError(
                f"{folder}: holds no pictures (.jpg, .jpeg, .png), so it is not a frame "
                "folder; name a video file or a folder with one picture per frame"
            )
        super().__init__(str(folder), len(self._paths), fps=fps)

    def _picture(self, index: int) -> NDArray[np.uint8]:
        path = self._paths[index]
        picture = read_picture(path, str(path), "replace or remove it")
        if index and picture.shape != self._first_picture.shape:
            raise VideoError(
                f"{path}: pictures of one folder must have one size, the first is "
                f"{self.width}x{self.height} and this {picture.shape[1]}x{picture.shape[0]}; "
                "resize it or put it into another folder"
            )
        return picture


class ArrayReader(VideoReader):
    """Frames in memory.

    Args:
        array: uint8, ``(T, H, W, 3)`` or ``(T, 3, H, W)``. Where both fit, a NumPy array is taken
            as the first and a tensor as the second, as is usual in either library.
        fps: frames per second.

    Raises:
        VideoError: For another shape or type.
    """

    def __init__(self, array: NDArray[Any] | Tensor, *, fps: float) -> None:
        check_fps(fps)
        shape = tuple(array.shape)
        last, second = shape[-1:] == (3,), len(shape) == 4 and shape[1] == 3
        is_bytes = array.dtype in (torch.uint8, np.uint8)
        if not is_bytes or len(shape) != 4 or not (last or second) or 0 in shape:
            raise VideoError(
                f"array: must be uint8 (T, H, W, 3) or (T, 3, H, W), got {array.dtype} {shape}; "
                "convert it, with values from 0 to 255"
            )
        # Copied because torch does not take flipped and read-only arrays.
        data = array.detach().cpu() if isinstance(array, Tensor) else torch.from_numpy(array.copy())
        channels_last = last and not (second and isinstance(array, Tensor))
        self._data = data.permute(0, 3, 1, 2) if channels_last else data
        height, width = self._data.shape[2:]
        super().__init__("array", np.arange(len(data)) / fps, fps=fps, size=(height, width))

    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        return self._data[torch.from_numpy(indices)]
