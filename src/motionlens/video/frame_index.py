"""The numbers of a video file's frames: which frame is shown when, and where decoding may begin."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
from motionlens.video.limits import Limits, Stopwatch
from motionlens.video.packet_table import PacketTable, seeks_exactly
from motionlens.video.presentation import Clock, Presentation


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of a file in the order in which they are shown.

    Attributes:
        stamps: int64 ``(n,)``, ascending, by which a decoded frame is recognised: its time of
            presentation, or its number where ``counted``.
        keys: int64, ascending, the stamps at which decoding may begin.
        counted: stamps are frame numbers, because times in the file are missing or repeated.
        times_s: float64 ``(n,)``, seconds since the first frame.
        packets: recognises the packets after a seek; None where the container leads to the right
            one.
    """

    stamps: NDArray[np.int64]
    keys: NDArray[np.int64]
    counted: bool
    times_s: NDArray[np.float64]
    packets: PacketTable | None = None

    def key_before(self, stamp: int) -> int:
        """The last stamp at or before ``stamp`` where decoding may begin; the first if none is."""
        behind = int(np.searchsorted(self.keys, stamp, side="right"))
        return int(self.keys[max(behind - 1, 0)])

    def begin_at(self, stamp: int) -> "FrameIndex":
        """The index without the frames before ``stamp``, which the decoder does not give."""
        first = int(np.searchsorted(self.stamps, stamp))
        if not 0 < first < len(self.stamps):
            return self
        times_s = self.times_s[first:] - self.times_s[first]
        return replace(self, stamps=self.stamps[first:], times_s=times_s)


def index_file(path: Path, name: str, limits: Limits) -> FrameIndex:
    """Index a file by its packets, or by decoding it once where these do not tell.

    Args:
        path: of the file.
        name: what messages call it.
        limits: how much it may ask for.

    Raises:
        VideoError: If the file cannot be read, has no frame to show, or is beyond the limits.

    Warns:
        VideoWarning: If the file holds fewer frames than it announces.
    """
    address, spent = file_address(path), Stopwatch()
    container, stream = open_container(address, name, limits)
    with container:
        announced = num_announced(path, container, stream)
        presentation = Presentation.of(stream)
        table = None if seeks_exactly(container) else PacketTable()
        packets = read_packets(container, stream, name, limits, spent)
        index = index_packets(packets, stream.time_base, presentation, table)
    if index is None:
        num_packets = presentation.num_whole
        container, stream = open_container(address, name, limits)
        with container:
            presentation = Presentation.of(stream)
            packets = read_packets(container, stream, name, limits, spent)
            stamps: list[int | None] = []
            for one in presentation.frames(packets, stream):
                pixels = max(num_packets, len(stamps)) * one.frame.width * one.frame.height
                limits.check_decoded(name, pixels, container.size)
                stamps.append(one.stamp)
            index = index_decoded(stamps, Clock(stream, read_fps(stream)))
    if index is None:
        raise no_frame(name)
    limits.check_duration(name, float(index.times_s[-1]))
    if announced > presentation.num_whole:
        note = cut_short(name, announced, len(index.stamps))
        warnings.warn(note, VideoWarning, stacklevel=4)
    return index


def index_packets(
    packets: Iterable[Any],
    unit_s: Fraction,
    presentation: Presentation,
    table: PacketTable | None = None,
) -> FrameIndex | None:
    """Index a file by its packets, which are not decoded.

    Args:
        packets: all of the file, in its order.
        unit_s: seconds in one unit of the stamps.
        presentation: new; told of all packets.
        table: new, if it is needed; the packets are added.

    Returns:
        The index; None if stamps are missing or repeated.
    """
    keys = set()
    for packet in packets:
        presentation.expect(packet)
        if packet.size and packet.pts is not None:
            if packet.is_keyframe:
                keys.add(packet.pts)
            if table is not None and presentation.by_stamps:
                table.add(packet)
    stamps = np.unique(np.array(presentation.due, np.int64))
    if not (presentation.by_stamps and keys and 0 < len(stamps) == len(presentation.due)):
        return None
    return FrameIndex(
        stamps=stamps,
        keys=np.array(sorted(keys), np.int64),
        counted=False,
        times_s=(stamps - stamps[0]) * float(unit_s),
        packets=table,
    )


def index_decoded(stamps: Sequence[int | None], clock: Clock) -> FrameIndex | None:
    """Index a file by the frames that came out of it, decoded from its beginning.

    Args:
        stamps: of each frame, None where it has none, in the order in which they are shown.
        clock: new; gives the times.

    Returns:
        The index, with frames numbered; None if there are no frames.
    """
    if not stamps:
        return None
    return FrameIndex(
        stamps=np.arange(len(stamps), dtype=np.int64),
        keys=np.zeros(1, np.int64),
        counted=True,
        times_s=np.array([clock.read(stamp) for stamp in stamps]),
    )
