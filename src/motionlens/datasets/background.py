"""What no annotation covers becomes clips of a class of its own: the background."""

import math
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from motionlens._utils.errors import first_three
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoWarning

# Share of the usual length of an annotation that is left out on either side of one, because
# nobody knows to the frame where an action begins.
MARGIN = 0.25
# How many times the usual length of an annotation a clip of the background may be. Training takes
# another place in it in every epoch.
MOST_LENGTHS = 4

Stretch = tuple[float, float]  # from, to, seconds


@dataclass
class AnnotatedVideo:
    """A video with its annotations.

    Attributes:
        path: as its list has it.
        group: the person or scene that it shows; empty if unknown.
        actions: the annotated clips, in the order of the list; none if it shows no action.
    """

    path: str
    group: str = ""
    actions: list[ListEntry] = field(default_factory=list)


def annotated_videos(index: VideoIndex, background: str | None) -> list[AnnotatedVideo]:
    """Each video of an index once, in the order of the index.

    Args:
        index: a row per annotation; rows without a label and rows of the background say that
            their videos are there.
        background: name of that class; None if there is none.
    """
    found: dict[str, AnnotatedVideo] = {}
    for entry in map(index.entry, range(len(index))):
        key = os.path.normpath(entry.path)
        video = found.setdefault(key, AnnotatedVideo(entry.path, entry.group))
        if entry.label and entry.label != background:
            video.actions.append(entry)
    return list(found.values())


def with_background(index: VideoIndex, name: str) -> VideoIndex:
    """The annotated clips, and clips of the background from what lies between them.

    There are as many of these as of the class with most clips, if there is room: the uncovered
    stretches are divided by their lengths. None is shorter than half of the annotations are, and
    none begins or ends within a quarter of that length of an annotation.

    Args:
        index: a row per annotation; a row without a label stands for a video without an action.
        name: of the class.

    Raises:
        ValueError: If no annotation says where in its video an action is, or no uncovered stretch
            is long enough.

    Warns:
        VideoWarning: If a video cannot be read; it adds no background.
    """
    videos = annotated_videos(index, name)
    actions = [action for video in videos for action in video.actions]
    lengths = [e.end_s - (0 if math.isnan(e.start_s) else e.start_s) for e in actions]
    if not any(length > 0 for length in lengths):
        raise ValueError(
            f"{index.root}: listing.background {name} needs annotations with start and end, none "
            "has them; add these columns, or leave the option out"
        )
    usual_s = float(np.nanmedian(lengths))
    stretches, videos_of = [], []
    for video, duration_s in zip(videos, _durations_s(index, videos), strict=True):
        free = uncovered((e.window for e in video.actions), duration_s, MARGIN * usual_s)
        stretches += free
        videos_of += [video] * len(free)
    number = max(Counter(label for action in actions for label in action.labels).values())
    found = [
        ListEntry(video.path, name, round(start, 3), round(end, 3), video.group)
        for video, pieces in zip(videos_of, divide(stretches, number, usual_s), strict=True)
        for start, end in pieces
    ]
    if not found:
        raise ValueError(
            f"{index.root}: no stretch without an annotation is as long as half of the annotations "
            f"({usual_s:.2g} s), so nothing is left for listing.background {name}; list videos "
            "without an action, as rows with a path and empty start, end and label"
        )
    names = index.class_names if name in index.class_names else (*index.class_names, name)
    made = VideoIndex.of(index.root, [*actions, *found], names, index.fps)
    made = replace(made, flip_pairs=index.flip_pairs)
    return made if index.targets is None else made.with_targets()


def uncovered(
    windows: Iterable[tuple[float | None, float | None]], duration_s: float, margin_s: float
) -> list[Stretch]:
    """What is left of a video without its annotations.

    Args:
        windows: start and end of each; None for those of the video.
        duration_s: of the video.
        margin_s: left out on either side of an annotation.

    Example:
        >>> uncovered([(2.0, 3.0), (2.5, 4.0)], 10.0, 0.5)
        [(0.0, 1.5), (4.5, 10.0)]
    """
    free, now = [], 0.0
    for start, end in sorted((a or 0.0, math.inf if b is None else b) for a, b in windows):
        if start - margin_s > now:
            free.append((now, start - margin_s))
        now = max(now, end + margin_s)
    return [*free, (now, duration_s)] if now < duration_s else free


def divide(stretches: Sequence[Stretch], number: int, least_s: float) -> list[list[Stretch]]:
    """Divide stretches into so many pieces, or fewer, each ``least_s`` to 4 times as long.

    Longer stretches get more of them; the pieces of one lie evenly in it.

    Example:
        >>> divide([(0, 2), (10, 14), (20, 20.5)], 3, 1)
        [[(0.0, 2.0)], [(10.0, 12.0), (12.0, 14.0)], []]
    """
    room = np.array([end - start for start, end in stretches])
    most = np.floor(room / least_s + 1e-9).astype(int)
    wanted = number * np.where(most > 0, room, 0) / max(room[most > 0].sum(), 1e-9)
    shares = np.minimum(np.floor(wanted), most).astype(int)
    for place in np.argsort(shares - wanted, kind="stable").tolist():
        if shares.sum() < number and shares[place] < most[place]:
            shares[place] += 1
    pieces = []
    for (start, _), length, share in zip(stretches, room.tolist(), shares.tolist(), strict=True):
        step = length / max(share, 1)
        half = min(step, MOST_LENGTHS * least_s) / 2
        middles = [start + (i + 0.5) * step for i in range(share)]
        pieces.append([(middle - half, middle + half) for middle in middles])
    return pieces


def _durations_s(index: VideoIndex, videos: Sequence[AnnotatedVideo]) -> list[float]:
    """How long videos are; 0 for those that cannot be read."""
    found, broken = [], []
    for video in videos:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", VideoWarning)  # said where the clips are read
                with open_video(index.root / video.path, fps=index.fps) as reader:
                    found.append(float(reader.times_s[-1]) + 1 / reader.fps)
        except VideoError:
            found.append(0.0)
            broken.append(video.path)
    if broken:
        warnings.warn(
            f"{index.root}: videos that cannot be read add no background: {first_three(broken)}",
            VideoWarning,
            stacklevel=4,
        )
    return found
