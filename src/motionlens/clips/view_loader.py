"""Index, sampling and views -> all views of every video, each video decoded once.

Letters: n distinct frames of a video, S clips, T frames of a clip, H W rows and columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from motionlens.clips.frame_cache import open_indexed
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.views import Views
from motionlens.video.frames import VideoError

# Frames decoded at once: large frames are resized before many of them pile up.
_CHUNK = 32


class DecodedVideo(NamedTuple):
    """What all views of a video are cut from.

    Attributes:
        position: of the video in its index.
        frames: uint8 ``(n, 3, H, W)``, each frame that a clip needs once, resized; empty if the
            video is broken.
        clips: int64 ``(S, T)``, into ``frames``.
        error: why the video cannot be decoded; empty if it can.
    """

    position: int
    frames: Tensor
    clips: Tensor
    error: str = ""


class View(NamedTuple):
    """One view.

    Attributes:
        frames: uint8 ``(T, 3, h, w)``, resized and cropped; ``Preprocessing.normalize`` makes a
            clip of them, on the device where it is wanted.
        is_mirrored: left to right.
    """

    frames: Tensor
    is_mirrored: bool


class ViewDataset(Dataset[DecodedVideo]):
    """The frames of every video that its views need.

    A worker hands over frames as uint8, each once, and not the views cut from them, which take
    more memory by far: 8 clips of 24 frames in 6 crops of 256 pixels are 0.9 GB of numbers, and
    at most 38 MB of frames of 256x256.

    Args:
        index: the videos.
        sampling: of one clip.
        preprocessing: resizes the frames.
        views: how many clips.
        skip_broken: hand over the error of a video that cannot be decoded, instead of raising it.
    """

    def __init__(
        self,
        index: VideoIndex,
        sampling: Sampling,
        preprocessing: Preprocessing,
        views: Views,
        *,
        skip_broken: bool,
    ) -> None:
        self.index, self.sampling, self.views = index, sampling, views
        self.preprocessing, self.skip_broken = preprocessing, skip_broken

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> DecodedVideo:
        try:
            return self._decode(i)
        except VideoError as error:
            if not self.skip_broken:
                raise
            nothing = torch.empty(0, 3, 1, 1, dtype=torch.uint8)
            return DecodedVideo(i, nothing, torch.empty(0, 0, dtype=torch.int64), str(error))

    def _decode(self, i: int) -> DecodedVideo:
        with open_indexed(self.index, i) as reader:
            clips = self.views.clip_indices(reader.num_frames, self.sampling)
            wanted, places = np.unique(clips, return_inverse=True)
            parts = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
            frames = [self.preprocessing.resize(reader.read(part).data) for part in parts]
        return DecodedVideo(i, torch.cat(frames), torch.from_numpy(places.reshape(clips.shape)))


def load_videos(dataset: ViewDataset, num_workers: int) -> DataLoader[Any]:
    """Videos in the order of the index, whatever ``num_workers`` is; 0 decodes in this process.

    Raises:
        ValueError: If ``num_workers`` is below 0.
        VideoError: While iterating, for a video that cannot be decoded and is not to be skipped.
    """
    if num_workers < 0:
        raise ValueError(f"num_workers must be at least 0, got {num_workers}; raise it")
    return DataLoader(
        dataset,
        batch_size=None,
        num_workers=num_workers,
        pin_memory=torch.cuda.is_available(),
        # Without one the loader would draw from torch's global state, to seed its workers.
        generator=torch.Generator().manual_seed(0),
    )


def cut_views(video: DecodedVideo, views: Views, preprocessing: Preprocessing) -> Iterator[View]:
    """The views of a video one by one: the crops of its first clip, then those of its second."""
    height, width = video.frames.shape[2:]
    boxes = views.crop_boxes(height, width, preprocessing.size)
    for clip in video.clips:
        frames = video.frames[clip]
        for top, left, h, w, is_mirrored in boxes:
            part = frames[:, :, top : top + h, left : left + w]
            yield View(part.flip(3) if is_mirrored else part, is_mirrored)
