"""A video that is an array in memory."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens.video.frames import VideoError, VideoReader, check_fps


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
