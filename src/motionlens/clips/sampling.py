"""When the frames of a video are shown -> which of them make a clip. Nothing is read.

All that takes clips (training, prediction, evaluation, streams, the server) takes them by
:class:`Sampling`. Letters: n frames of a video, S clips, T frames of a clip.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_at_least, check_choice, check_number
from motionlens.clips.timeline import TIE_S, Timed, nearest_frames, timed_runs, unbroken_runs

SamplingMode = Literal["dense", "segments"]
Whole = Literal["whole"]
WHOLE: Whole = "whole"

# In clips that are counted in seconds, frames of optical flow are this far apart.
LEAD_STEP_S = 0.04

# More would be a mistake in a card or a recipe: a clip of an hour, a frame every hour.
MAX_FRAMES, MAX_STRIDE = 100_000, 1_000_000

Rng = np.random.Generator


@dataclass(frozen=True)
class Sampling:
    """The rule by which frames are chosen.

    Attributes:
        num_frames: T, frames of a clip, at least 1.
        frame_stride: step between neighbouring frames of a dense clip, at least 1, where
            ``seconds`` is None; segments have no fixed step and do not look at it.
        mode: ``"dense"`` takes frames a fixed step apart, so that speed means the same in every
            video; ``"segments"`` takes one frame from each of T equal parts, so that a clip
            spans the whole video.
        lead: frames right before each frame of the clip that are taken too, at least 0, such as
            optical flow needs; before a video's first frame it is repeated. Where ``seconds`` is
            given they are :data:`LEAD_STEP_S` apart, at most a clip's step.
        seconds: how long a clip is, at most as long as its video. It is divided into T parts; the
            frame nearest in time to the middle of each is taken, so that the frame rate makes no
            difference. ``"whole"`` for a clip that is as long as its video; None to count frames
            instead.

    Raises:
        ValueError: If a value is none of these.
    """

    num_frames: int
    frame_stride: int = 1
    mode: SamplingMode = "dense"
    lead: int = 0
    seconds: float | Whole | None = None

    def __post_init__(self) -> None:
        check_at_least(1, num_frames=self.num_frames, frame_stride=self.frame_stride)
        check_number("num_frames", self.num_frames, most=MAX_FRAMES)
        check_number("frame_stride", self.frame_stride, most=MAX_STRIDE)
        check_at_least(0, lead=self.lead)
        check_choice("mode", self.mode, get_args(SamplingMode))
        seconds = self.seconds
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not (seconds in (None, WHOLE) or (is_number and 0 < seconds < math.inf)):
            raise ValueError(f"seconds must be a number above 0 or {WHOLE}, got {seconds!r}")

    @property
    def span(self) -> int:
        """Frames of a video from the first to the last of a dense clip that counts frames."""
        return (self.num_frames - 1) * self.frame_stride + 1

    @property
    def spans_video(self) -> bool:
        """Whether a clip is as long as its video, whatever that is."""
        return self.seconds == WHOLE or (self.seconds is None and self.mode == "segments")

    @property
    def step_s(self) -> float | None:
        """Seconds between neighbouring frames; None if frames are counted or it spans the video."""
        return None if isinstance(self.seconds, str | None) else self.seconds / self.num_frames

    def lead_s(self, step_s: float) -> NDArray[np.float64]:
        """When the frames that lead to one of the clip are shown, and it: ``(lead + 1,)``, <= 0."""
        back = np.arange(self.lead, -1, -1, dtype=np.float64)
        return back * -min(LEAD_STEP_S, step_s)

    def __str__(self) -> str:
        frames = f"{self.num_frames} frames"
        if self.spans_video:
            return f"{frames} spread over the video"
        if self.seconds is None:
            return f"{frames} with stride {self.frame_stride}"
        return f"{frames} in {self.seconds:g} s"


def sample_indices(
    video: int | Timed,
    sampling: Sampling,
    rng: Rng | None = None,
    *,
    time_jitter: float = 0.0,
    min_length: float = 1.0,
) -> NDArray[np.int64]:
    """Choose the frames of one clip.

    Args:
        video: the times of its frames, such as a reader has them; or how many there are, at least
            1, if ``sampling`` counts frames.
        sampling: the rule.
        rng: draws the place of the clip (training); None takes the middle (evaluation).
        time_jitter: how far ``rng`` moves each frame of a clip in seconds, at most, as a share of
            the distance between frames; up to 0.5, so that they stay in order.
        min_length: least length that ``rng`` draws for a clip in seconds, as a share of its own:
            a shorter one shows less of the motion, and that slower.

    Returns:
        int64 ``(T * (lead + 1),)``, indices of frames, in the order of time. A video shorter than
        a clip in seconds is all of the clip; one shorter than a clip that counts frames repeats
        from its start. No clip goes across a gap in the time stamps: see
        :func:`motionlens.clips.timeline.unbroken_runs`; if no stretch between gaps is as long as
        the clip, the longest stands for the video.

    Raises:
        ValueError: If the video has no frame, or times are needed and not given.

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

        3 frames in 0.6 seconds, from the middle of two seconds at 10 and at 30 frames per second:

        >>> from motionlens.clips.timeline import Timeline
        >>> slow, fast = (Timeline(np.arange(2 * fps) / fps, fps) for fps in (10, 30))
        >>> [sample_indices(video, Sampling(3, seconds=0.6)).tolist() for video in (slow, fast)]
        [[8, 10, 12], [24, 30, 36]]
    """
    if rng is None:
        indices: NDArray[np.int64] = spread_indices(video, sampling)[0]
        return indices
    n, T = _num_frames(video), sampling.num_frames
    if sampling.seconds is not None:
        place = rng.random()
        moves = rng.uniform(-time_jitter, time_jitter, T) if time_jitter else 0.0
        length = rng.uniform(min_length, 1.0) if min_length < 1 else 1.0
        (clip,) = _timed_clips(video, sampling, [(place, place)], moves, length)
        return clip
    if sampling.mode == "segments":
        # Segment s covers the real interval [s, s + 1) * n / T; a frame is the floor of a point in
        # it, so that parts are equal even where T does not divide n, or is greater:
        #   n = 5, T = 2: [0, 2.5) [2.5, 5)                   middles 1.25 3.75         -> 1 3
        #   n = 2, T = 4: [0, .5) [.5, 1) [1, 1.5) [1.5, 2)   middles .25 .75 1.25 1.75 -> 0 0 1 1
        frames = np.floor((np.arange(T) + rng.random(T)) * n / T).astype(np.int64)
        # (T - tiny) * n / T may round up to n.
        return _with_lead(np.minimum(frames, n - 1), sampling)
    runs = _runs(video)
    # Starts 0..spare keep the clip inside; spare is 0 for a video that has to repeat:
    #   n = 9, span 5: spare 4, middle start 2 -> 2 4 6 of 0..8
    #   n = 4, span 5: spare 0, start 0        -> 0 2 4, of which 4 is 0 again
    number = sum(_num_places(run, sampling) for run in runs)
    place = int(rng.integers(max(number, 1)))
    return _counted_clip(runs, place if number else None, sampling)


def spread_indices(video: int | Timed, sampling: Sampling, num_clips: int = 1) -> NDArray[np.int64]:
    """Choose the frames of several clips that lie evenly in a video.

    Args:
        video: as for :func:`sample_indices`.
        sampling: of one clip. Dense clips start at ``j * (n - span) / (S - 1)``, rounded down, for
            clip j, or evenly in time if they are in seconds; where the video is shorter than a
            clip, all are alike. Of segments, and of clips as long as the video, clip j takes the
            frame at the part ``(j + 1/2) / S`` of each.
        num_clips: S, at least 1. One clip is the middle of the video.

    Returns:
        int64 ``(S, T * (lead + 1))``; for one clip what :func:`sample_indices` chooses.

    Raises:
        ValueError: If the video has no frame, or times are needed and not given.

    Example:
        Three clips of span 5 in 10 frames start at 0, 5 / 2 and 5:

        >>> spread_indices(10, Sampling(3, frame_stride=2), 3).tolist()
        [[0, 2, 4], [2, 4, 6], [5, 7, 9]]

        Two clips of 2 segments, 0-3 and 4-7, at a quarter and three quarters of each:

        >>> spread_indices(8, Sampling(2, mode="segments"), 2).tolist()
        [[1, 5], [3, 7]]
    """
    n, S, T = _num_frames(video), num_clips, sampling.num_frames
    if sampling.seconds is not None:
        middles = [(j + 0.5) / S for j in range(S)]
        places = [(j / (S - 1), 0.5) for j in range(S)] if S > 1 else [(0.5, 0.5)]
        if sampling.seconds == WHOLE:
            places = [(0.5, part) for part in middles]
        return np.stack(_timed_clips(video, sampling, places))
    if sampling.mode == "segments":
        # floor((s + (2j + 1) / 2S) * n / T), in whole numbers.
        clips, steps = np.arange(S, dtype=np.int64)[:, None], np.arange(T, dtype=np.int64)
        return _with_lead((2 * S * steps + 2 * clips + 1) * n // (2 * S * T), sampling)
    runs = _runs(video)
    number = sum(_num_places(run, sampling) for run in runs)
    spare = number - 1
    starts = [j * spare // (S - 1) for j in range(S)] if S > 1 else [spare // 2]
    return np.stack([_counted_clip(runs, start if number else None, sampling) for start in starts])


def _num_frames(video: int | Timed) -> int:
    """n, checked."""
    n = video if isinstance(video, int | np.integer) else len(video.times_s)
    check_at_least(1, num_frames_in_video=n)
    return int(n)


def _runs(video: int | Timed) -> list[slice]:
    """The stretches that a clip may not leave."""
    return [slice(0, int(video))] if isinstance(video, int | np.integer) else unbroken_runs(video)


def _counted_clip(runs: list[slice], place: int | None, sampling: Sampling) -> NDArray[np.int64]:
    """The clip at one of the places where it fits, counted over all runs; None if it fits nowhere.

    A clip that fits nowhere repeats the longest run.
    """
    longest = max(runs, key=lambda run: int(run.stop - run.start))
    run, start = longest, 0
    if place is not None:
        for run in runs:
            number = _num_places(run, sampling)
            if place < number:
                start = place
                break
            place -= number
    steps = np.arange(sampling.num_frames, dtype=np.int64) * sampling.frame_stride
    frames = run.start + (start + steps) % (run.stop - run.start)
    return _with_lead(frames, sampling, first=run.start)


def _num_places(run: slice, sampling: Sampling) -> int:
    """In how many places of a run a clip that counts frames fits."""
    return max(int(run.stop - run.start) - sampling.span + 1, 0)


def _timed_clips(
    video: int | Timed,
    sampling: Sampling,
    places: Sequence[tuple[float, float]],
    moves: NDArray[np.float64] | float = 0.0,
    length: float = 1.0,
) -> list[NDArray[np.int64]]:
    """Clips counted in seconds, each int64 ``(T * (lead + 1),)``.

    A clip is a stretch of T equal parts, and a frame of it the one nearest to a point in its part.

    Args:
        video: the times of its frames.
        sampling: the rule.
        places: of each clip: where its stretch lies, from 0 for the beginning of the video to 1
            for its end, and where in its part a point does, from the first frame in it to the
            last.
        moves: by how many steps each frame is moved in time, float64 ``(T,)``.
        length: of the stretch, as a share of what the rule says.
    """
    T, runs = sampling.num_frames, timed_runs(video)
    longest_s = max(run.duration_s for run in runs)
    step_s = sampling.step_s or longest_s / T
    if not any(run.has_room_for(T, step_s) for run in runs):
        step_s = longest_s / T
    step_s *= length
    fitting = [run for run in runs if run.has_room_for(T, step_s)]
    length_s = T * step_s
    # Where the stretch may begin, each run behind the one before it.
    # Less to spare than the last frame, whose length is a guess, goes to the end, as in streams.
    spare = [(run.duration_s - length_s, run.interval_s - TIE_S) for run in fitting]
    rooms = [room_s if room_s >= guess_s else 0.0 for room_s, guess_s in spare]
    clips = []
    for place, part in places:
        start = place * sum(rooms)
        for run, room in zip(fitting, rooms, strict=True):
            if start <= room or run is fitting[-1]:
                break
            start -= room
        within = step_s / 2 + (part - 0.5) * max(step_s - run.interval_s, 0.0)
        points = min(start, room) + within + (np.arange(T) + moves) * step_s
        wanted = points[:, None] + sampling.lead_s(step_s)
        clips.append(run.first + nearest_frames(run.times_s, wanted.ravel()))
    return clips


def _with_lead(indices: NDArray[np.int64], sampling: Sampling, first: int = 0) -> NDArray[np.int64]:
    """Frames of clips ``(..., T)`` and, before each, those that lead to it, from ``first`` on."""
    if not sampling.lead:
        return indices
    before = np.arange(-sampling.lead, 1, dtype=np.int64)
    groups: NDArray[np.int64] = np.maximum(indices[..., None] + before, first)
    return groups.reshape(*indices.shape[:-1], -1)
