"""Which frames a video file presents, worked out from the packets that it stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class StoredPacket(NamedTuple):
    """What an index needs to know of a packet.

    Attributes:
        pts: time of presentation in the stream's units, None where the container gives none.
        is_key: decoding may begin here.
        is_hidden: cut away by an edit list; decoded, for others may need it, but not shown.
        is_damaged: known to be incomplete.
    """

    pts: int | None
    is_key: bool = False
    is_hidden: bool = False
    is_damaged: bool = False


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of a file in the order in which they are shown.

    Attributes:
        stamps: int64 ``(n,)``, ascending, by which a decoded frame is recognised: its time of
            presentation, or its number where ``counted``.
        keys: int64, ascending, the stamps at which decoding may begin.
        counted: stamps are numbers, for the times in the file do not tell frames apart.
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


def index_packets(
    packets: Sequence[StoredPacket], unit_s: Fraction, *, are_true_times: bool
) -> FrameIndex | None:
    """Index a file by its packets, if their times can be relied on.

    Args:
        packets: in the order of the file.
        unit_s: seconds in one unit of time.
        are_true_times: the times are those of presentation, not guesses.

    Returns:
        The index; None if times are missing, repeated or guesses.

    Example:
        Two key frames, the third packet is shown before the second:

        >>> packets = [StoredPacket(0, True), StoredPacket(4), StoredPacket(2),
        ...            StoredPacket(6, True)]
        >>> index = index_packets(packets, Fraction(1, 8), are_true_times=True)
        >>> index.stamps.tolist(), index.keys.tolist(), index.times_s.tolist()
        ([0, 2, 4, 6], [0, 6], [0.0, 0.25, 0.5, 0.75])
    """
    shown = [p.pts for p in packets if not (p.is_hidden or p.is_damaged)]
    stamps = [pts for pts in shown if pts is not None]
    keys = sorted({p.pts for p in packets if p.is_key and p.pts is not None})
    if not are_true_times or not stamps or not keys:
        return None
    if len(stamps) < len(shown) or len(set(stamps)) < len(stamps):
        return None
    ordered = np.sort(np.array(stamps, np.int64))
    return FrameIndex(
        stamps=ordered,
        keys=np.array(keys, np.int64),
        counted=False,
        times_s=(ordered - ordered[0]) * float(unit_s),
    )


def index_decoded(
    times: Sequence[int | None], unit_s: Fraction, fps: float | None
) -> FrameIndex | None:
    """Index a file by the frames that came out of it, decoded from its beginning.

    Args:
        times: time of each frame in units, None where it has none, in decoded order.
        unit_s: seconds in one unit of time.
        fps: rate by which frames are spaced if their times are missing or repeated; 25 if None.

    Returns:
        The index, with frames numbered; None if there are no frames.

    Example:
        >>> index_decoded([3, 3, None], Fraction(1, 8), fps=4.0).times_s.tolist()
        [0.0, 0.25, 0.5]
        >>> index_decoded([1, 2, 4, 3], Fraction(1, 8), fps=4.0).times_s.tolist()
        [0.0, 0.125, 0.25, 0.375]
    """
    if not times:
        return None
    numbers = np.arange(len(times), dtype=np.int64)
    known = sorted({time for time in times if time is not None})
    is_timed = len(known) == len(times)
    step_s = float(unit_s) if is_timed else 1 / (fps or 25.0)
    steps = np.array(known, np.int64) - known[0] if is_timed else numbers
    times_s = steps.astype(np.float64) * step_s
    return FrameIndex(stamps=numbers, keys=np.zeros(1, np.int64), counted=True, times_s=times_s)
