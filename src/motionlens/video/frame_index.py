"""The numbers of a video file's frames: which frame is shown when, and where decoding may begin."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionlens.video.container import (
    cut_short,
    file_address,
    no_frame,
    num_announced,
    open_container,
    read_fps,
    read_packets,
)
from motionlens.video.frames import VideoWarning
from motionlens.video.presentation import Presentation, has_true_stamps


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of a file in the order in which they are shown.

    Attributes:
        stamps: int64 ``(n,)``, ascending, by which a decoded frame is recognised: its time of
            presentation, or its number where ``counted``.
        keys: int64, ascending, the stamps at which decoding may begin.
        counted: stamps are frame numbers, because times in the file are missing or repeated.
        times_s: float64 ``(n,)``, seconds since the first frame.
    """

    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    counted: bool
    times_s: NDArray[np.float64]

    def key_before(self, stamp: int) -> int:
        """The last stamp at or before ``stamp`` where decoding may begin; the first if none is."""
        behind = int(np.searchsorted(self.keys, stamp, side="right"))
        return int(self.keys[max(behind - 1, 0)])


def index_file(path: Path) -> FrameIndex:
    """Index a file by its packets, or by decoding it once where these do not tell.

    Raises:
        VideoError: If the file cannot be read, or has no frame to show.

    Warns:
        VideoWarning: If the file holds fewer frames than it announces.
    """
    address, name = file_address(path), str(path)
    container, stream = open_container(address, name)
    with container:
        announced = num_announced(container, stream)
        presentation = Presentation(by_stamps=has_true_stamps(stream))
        index = index_packets(read_packets(container, stream), stream.time_base, presentation)
    if index is None:
        container, stream = open_container(address, name)
        with container:
            shown = Presentation(by_stamps=False).frames(read_packets(container, stream), stream)
            stamps = [stamp for stamp, _ in shown]
            index = index_decoded(stamps, stream.time_base, read_fps(stream))
    if index is None:
        raise no_frame(name)
    if announced > presentation.num_whole:
        note = cut_short(name, announced, len(index.stamps))
        warnings.warn(note, VideoWarning, stacklevel=4)
    return index


def index_packets(
    packets: Iterable[Any], unit_s: Fraction, presentation: Presentation
) -> FrameIndex | None:
    """Index a file by its packets, which are not decoded.

    Args:
        packets: all of the file, in its order.
        unit_s: seconds in one unit of the stamps.
        presentation: new; told of all packets.

    Returns:
        The index; None if stamps are missing or repeated.
    """
    keys = set()
    for packet in packets:
        presentation.expect(packet)
        if packet.size and packet.is_keyframe and packet.pts is not None:
            keys.add(packet.pts)
    stamps = np.unique(np.array(presentation.due, np.int64))
    if not (presentation.by_stamps and keys and 0 < len(stamps) == len(presentation.due)):
        return None
    return FrameIndex(
        stamps=stamps,
        keys=np.array(sorted(keys), np.int64),
        counted=False,
        times_s=(stamps - stamps[0]) * float(unit_s),
    )


def index_decoded(stamps: Sequence[int | None], unit_s: Fraction, fps: float) -> FrameIndex | None:
    """Index a file by the frames that came out of it, decoded from its beginning.

    Args:
        stamps: of each frame, None where it has none, in decoded order.
        unit_s: seconds in one unit of the stamps.
        fps: rate by which frames are spaced if stamps are missing or repeated.

    Returns:
        The index, with frames numbered; None if there are no frames.

    Example:
        >>> index_decoded([3, 3, None], Fraction(1, 8), fps=4.0).times_s.tolist()
        [0.0, 0.25, 0.5]
        >>> index_decoded([1, 2, 4, 3], Fraction(1, 8), fps=4.0).times_s.tolist()
        [0.0, 0.125, 0.25, 0.375]
    """
    if not stamps:
        return None
    numbers = np.arange(len(stamps), dtype=np.int64)
    known = sorted({stamp for stamp in stamps if stamp is not None})
    is_timed = len(known) == len(stamps)
    steps = np.array(known, np.int64) - known[0] if is_timed else numbers
    times_s = steps.astype(np.float64) * (float(unit_s) if is_timed else 1 / fps)
    return FrameIndex(stamps=numbers, keys=np.zeros(1, np.int64), counted=True, times_s=times_s)
