"""The frame rates of a data set: which there are, and whether they are mixed."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from motionlens.clips.video_index import VideoIndex
from motionlens.video.frames import VideoError, VideoWarning
from motionlens.video.rate import frame_rate

# Videos that are looked at before training; none is decoded.
_MOST_VIDEOS = 200
# Rates are mixed if one is this many times another; 24 and 30 frames/s are not.
_MIXED = 1.3
# Rates that are listed.
_LISTED = 5

# Frames per second, to one place behind the point, and number of videos.
Rates = Mapping[float, int]


def count_rates(rates: Iterable[float]) -> Rates:
    """Frame rates to a tenth with their numbers of videos, the slowest first.

    Example:
        >>> count_rates([30.0, 29.97, 25.0, 30.0])
        {25.0: 1, 30.0: 3}
    """
    return dict(sorted(Counter(round(rate, 1) for rate in rates).items()))


def find_rates(*parts: VideoIndex) -> Rates:
    """The rates of the videos of some parts, each video counted once; broken ones are left out.

    At most 200 videos are looked at, spread over all of them.
    """
    rates_of = {part.path(i): part.fps for part in parts for i in range(len(part))}
    videos = list(rates_of)
    number = min(len(videos), _MOST_VIDEOS)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VideoWarning)
        for i in np.linspace(0, len(videos) - 1, number).round().astype(np.int64).tolist():
            try:
                found.append(frame_rate(videos[i], fps=rates_of[videos[i]]))
            except VideoError:
                continue  # training says what is wrong with it
    return count_rates(found)


def are_mixed(rates: Rates) -> bool:
    """Whether motion is clearly faster in some videos than in others where frames are counted."""
    return bool(rates) and max(rates) > _MIXED * min(rates)


def describe_rates(rates: Rates) -> str:
    """The most frequent rates in words, the slowest first.

    Example:
        >>> describe_rates({25.0: 2, 30.0: 40})
        '25 frames/s (2 videos), 30 frames/s (40)'
    """
    most = sorted(sorted(rates.items(), key=lambda item: -item[1])[:_LISTED])
    words = [
        f"{rate:g} frames/s ({count:,}{'' if i else ' video' + 's'[: count != 1]})"
        for i, (rate, count) in enumerate(most)
    ]
    if len(rates) > _LISTED:
        words.append(f"{len(rates) - _LISTED} others from {min(rates):g} to {max(rates):g}")
    return ", ".join(words)
