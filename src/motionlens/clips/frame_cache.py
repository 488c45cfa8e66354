"""Decoded frames of a whole data set, kept in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens.clips.video_index import VideoIndex
from motionlens.video.file import open_video
from motionlens.video.frames import VideoReader

# Frames decoded at once: large frames are resized before many of them pile up.
_CHUNK = 32
_MAX_THREADS = 8


class FrameCache:
    """Frames of every video of an index.

    All lie in one tensor, which forked workers share with their parent and others are handed as
    a single block.

    Args:
        index: the videos.
        choose: number of frames of a video -> indices of those to keep.
        resize: frames uint8 ``(T, 3, H, W)`` -> the frames to keep, uint8.

    Raises:
        VideoError: If a video cannot be decoded.
    """

    def __init__(
        self,
        index: VideoIndex,
        choose: Callable[[int], NDArray[np.int64]],
        resize: Callable[[Tensor], Tensor],
    ) -> None:
        def decode(i: int) -> Tensor:
            with open_indexed(index, i) as reader:
                wanted = choose(reader.num_frames)
                parts = [wanted[i : i + _CHUNK] for i in range(0, len(wanted), _CHUNK)]
                frames = torch.cat([resize(reader.read(part).data) for part in parts])
            return frames.permute(0, 2, 3, 1).contiguous()

        # The decoder does its work outside Python's lock, so threads do.
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS)) as pool:
            videos: list[Tensor] = list(pool.map(decode, range(len(index))))
        self._shapes = [tuple(video.shape) for video in videos]
        self._offsets = np.cumsum([0, *(video.numel() for video in videos)])
        self._data = torch.empty(int(self._offsets[-1]), dtype=torch.uint8)
        for i in reversed(range(len(videos))):
            # Each is let go of once copied: memory is claimed as it is filled, not twice.
            self._data[self._offsets[i] : self._offsets[i + 1]] = videos.pop().flatten()

    @property
    def num_bytes(self) -> int:
        """Memory that the frames take."""
        return self._data.numel()

    def frames(self, i: int) -> Tensor:
        """Kept frames of video ``i``, uint8 ``(T, 3, H, W)``; not to be written to."""
        block = self._data[self._offsets[i] : self._offsets[i + 1]]
        return block.view(self._shapes[i]).permute(0, 3, 1, 2)


def open_indexed(index: VideoIndex, i: int) -> VideoReader:
    """Open clip ``i`` of an index, restricted to its window.

    Raises:
        VideoError: If it cannot be opened.
    """
    start_s, end_s = index.window(i)
    reader = open_video(index.path(i), start_s=start_s, end_s=end_s, fps=index.fps)
    reader.warn_of_stillness()
    return reader
