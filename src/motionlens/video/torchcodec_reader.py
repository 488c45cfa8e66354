"""Video files decoded by torchcodec, where that gives the same frames as PyAV does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.optional import require
from motionlens.video.file import FileReader

# Of others torchcodec's colours differ from PyAV's by several levels.
_SAME_COLOURS = frozenset({"yuv420p", "yuvj420p"})


class TorchcodecReader(FileReader):
    """A video file whose frames torchcodec decodes.

    Which frames there are is still found by PyAV, and checked against torchcodec by number and by
    time. Files on which the two differ, or may differ, are decoded by PyAV: such with frames that
    are not shown or have no times of their own, odd sizes, or colours other than 8-bit 4:2:0.

    Args:
        path: the file.
        start_s: frames from this time on; None for the first.
        end_s: frames before this time; None for the last.

    Raises:
        VideoError: If the file cannot be read, or has no frame to show.
        ImportError: If torchcodec, or the FFmpeg libraries that it needs, are not installed.
    """

    def __init__(
        self, path: Path, *, start_s: float | None = None, end_s: float | None = None
    ) -> None:
        decoders = _import_torchcodec()
        super().__init__(path, start_s=start_s, end_s=end_s)
        self._decoder: Any = None
        stored_height, stored_width = self._upright.stored_size
        if (
            not self._index.counted
            and self._stream.codec_context.pix_fmt in _SAME_COLOURS
            and stored_height % 2 == stored_width % 2 == 0
        ):
            self._decoder = _open(decoders, path, self._stream.index)

    def _load(self, indices: NDArray[np.int64]) -> Tensor:
        data = None if self._decoder is None else self._decode(indices)
        return super()._load(indices) if data is None else data

    def _decode(self, indices: NDArray[np.int64]) -> Tensor | None:
        """The frames; None, and no further try, if torchcodec finds others at these numbers."""
        if len(self._decoder) != len(self._index.stamps):
            self._decoder = None
            return None
        try:
            found = self._decoder.get_frames_at(indices.tolist())
        except RuntimeError:  # its words for damage; PyAV replaces such frames
            self._decoder = None
            return None
        wanted_s = torch.from_numpy(self._index.stamps[indices] * float(self._stream.time_base))
        same_times = torch.allclose(found.pts_seconds.double(), wanted_s, atol=1e-3, rtol=0)
        if not same_times or found.data.shape[1:] != (3, self.height, self.width):
            self._decoder = None
            return None
        data: Tensor = found.data
        return data


def _import_torchcodec() -> Any:
    try:
        return require("torchcodec.decoders", "codec")
    except (OSError, RuntimeError) as error:  # how it says that FFmpeg's libraries are missing
        raise ImportError(
            "torchcodec cannot be used: it needs FFmpeg's libraries (on Debian: apt install "
            "ffmpeg) and the torch that it was made for"
        ) from error


def _open(decoders: Any, path: Path, stream: int) -> Any:
    try:
        return decoders.VideoDecoder(str(path), stream_index=stream, num_ffmpeg_threads=1)
    except (RuntimeError, ValueError):
        return None
