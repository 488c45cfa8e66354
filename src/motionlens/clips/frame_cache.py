"""Decoded frames of a whole data set, kept in memory."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens.clips.timeline import Timed, Timeline
from motionlens.clips.video_index import VideoIndex

_MAX_THREADS = 8


class FrameCache:
    """Frames of every video of an index.

    All lie in one tensor, which forked workers share with their parent and spawned workers get as
    a single block.

    Args:
        index: the videos.
        choose: a video's times -> indices of the frames to keep; their times are kept, too.
        resize: frames uint8 ``(T, 3, H, W)`` -> the frames to keep, uint8.

    Raises:
        VideoError: If a video cannot be decoded.
    """

    def __init__(
        self,
        index: VideoIndex,
        choose: Callable[[Timed], NDArray[np.int64]],
        resize: Callable[[Tensor], Tensor],
    ) -> None:
        def decode(i: int) -> tuple[Tensor, Timeline]:
            with index.open(i) as reader:
                chosen = choose(reader)
                chunks = reader.read_in_chunks(chosen)
                data = torch.cat([resize(frames).permute(0, 2, 3, 1) for frames in chunks])
                return data, Timeline(reader.times_s[chosen], reader.fps)

        # The decoder releases the GIL, so threads suffice.
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS)) as pool:
            decoded = list(pool.map(decode, range(len(index))))
        self._times = [times for _, times in decoded]
        videos = [data for data, _ in decoded]
        del decoded
        self._shapes = [tuple(video.shape) for video in videos]
        self._offsets = np.cumsum([0, *(video.numel() for video in videos)])
        self._data = torch.empty(int(self._offsets[-1]), dtype=torch.uint8)
        for i in reversed(range(len(videos))):
            # Each is freed once copied, so that memory is not taken twice.
            self._data[self._offsets[i] : self._offsets[i + 1]] = videos.pop().flatten()

    def frames(self, i: int) -> Tensor:
        """Kept frames of video ``i``, uint8 ``(T, 3, H, W)``; not to be written to."""
        block = self._data[self._offsets[i] : self._offsets[i + 1]]
        return block.view(self._shapes[i]).permute(0, 3, 1, 2)

    def times(self, i: int) -> Timeline:
        """When the kept frames of video ``i`` are shown."""
        return self._times[i]
