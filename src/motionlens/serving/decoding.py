"""What the server's processes do: an upload -> the frames of its clip."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.runner import read_clip
from motionlens.serving.uploads import read_pictures
from motionlens.video.file import open_video
from motionlens.video.frames import Frames, VideoError, VideoWarning
from motionlens.video.limits import Limits


@dataclass(frozen=True)
class Upload:
    """What is to be decoded.

    Attributes:
        video: a video file, or the contents of pictures in temporal order.
        is_whole: the frames are wanted as they are; else resized and cropped for the network.
    """

    video: Path | Sequence[bytes]
    is_whole: bool = False


@dataclass(frozen=True)
class Clip:
    """The frames of a clip.

    Arrays, because tensors would go from process to process through shared memory, of which
    containers often have little.

    Attributes:
        data: uint8 ``(n, 3, h, w)``.
        numbers: int64 ``(n,)``, which frames of the video they are; of pictures 0 to n - 1.
        times_s: float64 ``(n,)``, seconds since the video's first frame.
        fps: frames per second of the video.
    """

    data: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    times_s: NDArray[np.float64]
    fps: float

    @property
    def frames(self) -> Frames:
        """The same as tensors."""
        return Frames(torch.from_numpy(self.data), torch.from_numpy(self.times_s), self.fps)


@dataclass(frozen=True)
class Decoder:
    """Decodes uploads, in whichever process.

    Attributes:
        sampling: which frames make a clip.
        preprocessing: what they go through.
        limits: how much an upload may ask for.
    """

    sampling: Sampling
    preprocessing: Preprocessing
    limits: Limits

    def __call__(self, upload: Upload) -> Clip:
        """The clip of an upload.

        Raises:
            VideoError: If it cannot be decoded, or asks for too much.
        """
        try:
            with warnings.catch_warnings():
                # Nobody reads them here.
                warnings.simplefilter("ignore", VideoWarning)
                return self._decode(upload)
        except MemoryError:
            raise VideoError(
                f"{_name(upload)}: takes more memory than a server lends to one upload; send "
                "smaller frames or fewer"
            ) from None

    def _decode(self, upload: Upload) -> Clip:
        if isinstance(upload.video, Path):
            with open_video(upload.video, limits=self.limits) as reader:
                numbers, frames = read_clip(reader, self.sampling)
        else:
            data = read_pictures([io.BytesIO(content) for content in upload.video], self.limits)
            numbers = np.arange(len(data))
            frames = Frames(data, torch.arange(len(data)).double(), 1.0)
        shown = frames.data if upload.is_whole else self.preprocessing.crop(frames.data)
        return Clip(shown.contiguous().numpy(), numbers, frames.times_s.numpy(), frames.fps)


def _name(upload: Upload) -> str:
    return str(upload.video) if isinstance(upload.video, Path) else "pictures"
