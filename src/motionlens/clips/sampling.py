"""How many frames a video has -> which of them make a clip. Numbers only; nothing is read."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_at_least, check_choice

SamplingMode = Literal["dense", "segments"]


@dataclass(frozen=True)
class Sampling:
    """The rule by which frames are chosen.

    Attributes:
        num_frames: T, frames of a clip, at least 1.
        frame_stride: step between neighbouring frames of a dense clip, at least 1; segments
            have no fixed step and do not look at it.
        mode: ``"dense"`` takes frames a fixed step apart, so that speed means the same in every
            video; ``"segments"`` takes one frame from each of T equal parts, so that a clip
            spans the whole video.
        lead: frames right before each frame of the clip that are taken too, at least 0, such as
            optical flow needs; before a video's first frame it is repeated.

    Raises:
        ValueError: If a value is none of these.
    """

    num_frames: int
    frame_stride: int = 1
    mode: SamplingMode = "dense"
    lead: int = 0

    def __post_init__(self) -> None:
        check_at_least(1, num_frames=self.num_frames, frame_stride=self.frame_stride)
        check_at_least(0, lead=self.lead)
        check_choice("mode", self.mode, get_args(SamplingMode))

    @property
    def span(self) -> int:
        """Frames of a video from a dense clip's first frame to its last, both counted."""
        return (self.num_frames - 1) * self.frame_stride + 1


def sample_indices(
    num_frames_in_video: int, sampling: Sampling, rng: np.random.Generator | None = None
) -> NDArray[np.int64]:
    """Choose the frames of one clip.

    Args:
        num_frames_in_video: frames that there are, at least 1.
        sampling: the rule.
        rng: draws the place of the clip (training); None takes the middle (evaluation).

    Returns:
        int64 ``(num_frames * (lead + 1),)``, indices in ``0..num_frames_in_video - 1``, in the
        order of time. A video shorter than a dense clip's span repeats from its start.

    Raises:
        ValueError: If the video has no frame.

    Example:
        Dense, 3 frames of stride 2 span 5 frames of 9; 4 are left over, 2 on either side:

        >>> sample_indices(9, Sampling(3, frame_stride=2)).tolist()
        [2, 4, 6]

        Only 4 frames for that span of 5: index 4 becomes 0.

        >>> sample_indices(4, Sampling(3, frame_stride=2)).tolist()
        [0, 2, 0]

        Segments, 9 frames in 3 parts 0-2, 3-5, 6-8:

        >>> sample_indices(9, Sampling(3, mode="segments")).tolist()
        [1, 4, 7]

        The same with the frame before each:

        >>> sample_indices(9, Sampling(3, mode="segments", lead=1)).tolist()
        [0, 1, 3, 4, 6, 7]
    """
    if rng is None:
        indices: NDArray[np.int64] = spread_indices(num_frames_in_video, sampling)[0]
        return indices
    check_at_least(1, num_frames_in_video=num_frames_in_video)
    n, T = num_frames_in_video, sampling.num_frames
    if sampling.mode == "segments":
        # Segment s covers the real interval [s, s + 1) * n / T; a frame is the floor of a point in
        # it, so that parts are equal even where T does not divide n, or is greater:
        #   n = 5, T = 2: [0, 2.5) [2.5, 5)                   middles 1.25 3.75         -> 1 3
        #   n = 2, T = 4: [0, .5) [.5, 1) [1, 1.5) [1.5, 2)   middles .25 .75 1.25 1.75 -> 0 0 1 1
        frames = np.floor((np.arange(T) + rng.random(T)) * n / T).astype(np.int64)
        # (T - tiny) * n / T may round up to n.
        return _with_lead(np.minimum(frames, n - 1), sampling)
    # Starts 0..spare keep the clip inside; spare is 0 for a video that has to repeat:
    #   n = 9, span 5: spare 4, middle start 2 -> 2 4 6 of 0..8
    #   n = 4, span 5: spare 0, start 0        -> 0 2 4, of which 4 is 0 again
    start = int(rng.integers(max(n - sampling.span, 0) + 1))
    return _with_lead((start + np.arange(T) * sampling.frame_stride) % n, sampling)


def spread_indices(
    num_frames_in_video: int, sampling: Sampling, num_clips: int = 1
) -> NDArray[np.int64]:
    """Choose the frames of several clips that lie evenly in a video.

    Args:
        num_frames_in_video: n, at least 1.
        sampling: of one clip. Dense clips start at ``j * (n - span) / (S - 1)``, rounded
            down, for clip j; where the video is shorter than a clip, each repeats it from its
            start. Of segments, clip j takes the frame at the part ``(j + 1/2) / S`` of each.
        num_clips: S, at least 1. One clip is the middle of the video.

    Returns:
        int64 ``(S, T * (lead + 1))``; for one clip what :func:`sample_indices` chooses.

    Raises:
        ValueError: If the video has no frame.

    Example:
        Three clips of span 5 in 10 frames start at 0, 5 / 2 and 5:

        >>> spread_indices(10, Sampling(3, frame_stride=2), 3).tolist()
        [[0, 2, 4], [2, 4, 6], [5, 7, 9]]

        Two clips of 2 segments, 0-3 and 4-7, at a quarter and three quarters of each:

        >>> spread_indices(8, Sampling(2, mode="segments"), 2).tolist()
        [[1, 5], [3, 7]]
    """
    check_at_least(1, num_frames_in_video=num_frames_in_video)
    n, S, T = num_frames_in_video, num_clips, sampling.num_frames
    clips, steps = np.arange(S, dtype=np.int64)[:, None], np.arange(T, dtype=np.int64)
    if sampling.mode == "segments":
        # floor((s + (2j + 1) / 2S) * n / T), in whole numbers.
        return _with_lead((2 * S * steps + 2 * clips + 1) * n // (2 * S * T), sampling)
    spare = max(n - sampling.span, 0)
    starts = clips * spare // (S - 1) if S > 1 else np.full_like(clips, spare // 2)
    return _with_lead((starts + steps * sampling.frame_stride) % n, sampling)


def _with_lead(indices: NDArray[np.int64], sampling: Sampling) -> NDArray[np.int64]:
    """Frames of clips ``(..., T)`` and, before each, those that lead to it."""
    if not sampling.lead:
        return indices
    before = np.arange(-sampling.lead, 1, dtype=np.int64)
    groups: NDArray[np.int64] = np.maximum(indices[..., None] + before, 0)
    return groups.reshape(*indices.shape[:-1], -1)
