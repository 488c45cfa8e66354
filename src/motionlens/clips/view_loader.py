"""Videos -> all views of every video, each video decoded once.

Letters: n distinct frames of a video, S clips, T frames of a clip, H W rows and columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from motionlens._utils.one_line_warnings import join_one_line_warnings
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling, spread_indices
from motionlens.clips.video_index import VideoIndex
from motionlens.clips.views import Views
from motionlens.video.frames import VideoError, VideoReader


class DecodedVideo(NamedTuple):
    """The frames that all views of a video are cut from.

    A worker hands over frames as uint8, each once, and not the views, which take far more memory:
    8 clips of 24 frames in 6 crops of 256 pixels are 0.9 GB of float32, and at most 38 MB of
    frames of 256x256.

    Attributes:
        position: of the video among all.
        name: of the video, its path as given; ``"array"`` for one in memory.
        frames: uint8 ``(n, 3, H, W)``, each frame that a clip needs once, resized; empty if the
            video is broken.
        clips: int64 ``(S, T)``, into ``frames``.
        error: why the video cannot be decoded; empty if it can.
    """

    position: int
    name: str
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


@dataclass(frozen=True)
class ViewPlan:
    """Which views of every video a network is shown.

    Attributes:
        sampling: of one clip.
        preprocessing: of its frames.
        views: how many clips, and how many crops of each; one clip and its centre by default.
    """

    sampling: Sampling
    preprocessing: Preprocessing
    views: Views = field(default_factory=Views)

    def decode(
        self, position: int, name: str, open_reader: Callable[[], VideoReader]
    ) -> DecodedVideo:
        """Read the frames that the views need, each once; of a broken video its error."""
        try:
            with open_reader() as reader:
                clips = spread_indices(reader, self.sampling, self.views.num_clips)
                clips = self.views.ordered(clips, seed=position)
                wanted, places = np.unique(clips, return_inverse=True)
                chunks = reader.read_in_chunks(wanted)
                frames = torch.cat([self.preprocessing.resize(chunk) for chunk in chunks])
        except VideoError as error:
            nothing = torch.empty(0, 3, 1, 1, dtype=torch.uint8)
            return DecodedVideo(position, name, nothing, torch.empty(0, 0).long(), str(error))
        own = torch.from_numpy(places.reshape(clips.shape))
        return DecodedVideo(position, name, frames, own)

    def cut(self, video: DecodedVideo) -> Iterator[View]:
        """The views of a video: the crops of its first clip, then those of its second."""
        height, width = video.frames.shape[2:]
        for clip in video.clips:
            frames = video.frames[clip]
            boxes = self.views.crop_boxes(height, width, self.preprocessing.size)
            for top, left, h, w, is_mirrored in boxes:
                part = frames[:, :, top : top + h, left : left + w]
                yield View(part.flip(3) if is_mirrored else part, is_mirrored)


@dataclass(eq=False)
class ViewDataset(Dataset[DecodedVideo]):
    """The decoded videos of an index; of a broken one its error."""

    index: VideoIndex
    plan: ViewPlan

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> DecodedVideo:
        return self.plan.decode(i, str(self.index.paths[i]), partial(self.index.open, i))


def load_videos(dataset: ViewDataset, num_workers: int) -> DataLoader[Any]:
    """Videos in the order of the index, for any ``num_workers``; 0 decodes in this process."""
    return DataLoader(
        dataset,
        batch_size=None,
        num_workers=num_workers,
        worker_init_fn=join_one_line_warnings,
        pin_memory=torch.cuda.is_available(),
        # Without one the loader would draw from torch's global state, to seed its workers.
        generator=torch.Generator().manual_seed(0),
    )
