"""Packets recognised by their content, where a container does not seek to the packet asked for.

MPEG program and transport streams store times only now and then, and FFmpeg counts on from there.
It counts differently from the beginning than from the middle, so the same picture has another
stamp after a seek, and a seek lands anywhere. MP4 and Matroska store the time of every packet.
"""

import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

_EXACT_FORMATS = ("mp4", "matroska")


def seeks_exactly(container: Any) -> bool:
    """Whether a container leads to the packet asked for, with the stamp that it has in the file."""
    return any(name in container.format.name for name in _EXACT_FORMATS)


class PacketTable:
    """The packets of a file in its order, with the stamps that they have there."""

    def __init__(self) -> None:
        self._stamps, self._times, self._places = array("q"), array("q"), array("q")
        self._sizes, self._sums = array("q"), array("Q")

    def add(self, packet: Any) -> None:
        """Add the next packet of the file; it has a stamp."""
        self._stamps.append(packet.pts)
        self._times.append(packet.pts if packet.dts is None else packet.dts)
        self._places.append(-1 if packet.pos is None else packet.pos)
        self._sizes.append(packet.size)
        self._sums.append(zlib.crc32(packet) if packet.is_keyframe else 0)

    def seek_time(self, stamp: int) -> int:
        """Where to seek for the packet with a stamp: containers sort by time of decoding."""
        return self._times[self._stamps.index(stamp)]

    def follow(self, packets: Iterable[Any]) -> Iterator[Any]:
        """Packets after a seek with the stamps of the table, from the first known key frame on.

        Ends where they differ from those of the table.
        """
        number: int | None = None
        for packet in packets:
            if number is None:
                number = self._find(packet)
                if number is None:
                    continue
            if packet.size:
                if number >= len(self._sizes) or packet.size != self._sizes[number]:
                    return
                packet.pts = self._stamps[number]
                number += 1
            yield packet

    def _find(self, packet: Any) -> int | None:
        """The number of a packet; None unless it is a key frame that is known without doubt."""
        if not packet.size or not packet.is_keyframe:
            return None
        same = (np.asarray(self._sizes) == packet.size) & (
            np.asarray(self._sums) == zlib.crc32(packet)
        )
        found = np.flatnonzero(same)
        if len(found) > 1:  # a still scene
            found = found[np.asarray(self._places)[found] == packet.pos]
        return int(found[0]) if len(found) == 1 else None
