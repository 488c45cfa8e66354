"""Which stored pictures of a video are shown, and when: the one place that decides it.

Packets and decoded frames go in; frames as a player shows them come out:

    packet         -> Presentation.expect: is a frame due, and at which stamp?
    decoded frames -> Presentation.present: the frame of each due stamp, or a stand-in
    stamp          -> Clock.read: seconds since the first frame

:mod:`motionlens.video.stream` does so frame by frame, in constant memory.
:mod:`motionlens.video.frame_index` numbers the frames of a file by its packets alone, and
:class:`motionlens.video.file.FileReader` decodes those that are asked for. A stamp is a time of
presentation in units of the stream's ``time_base``.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple, Self

import av

# These store frames that are never shown, each in a packet of its own with a stamp of its own.
_CODECS_WITH_HIDDEN_FRAMES = frozenset({"vp8", "libvpx"})
_B_FRAME = av.video.frame.PictureType.B
# Damage ends at a key frame; what cannot be decoded for longer is no video.
_MAX_FAILED = 10_000
# A clock that goes back by more has been reset; by less, frames share a time or are misplaced.
_CLOCK_RESET_S = 1.0


class Decoded(NamedTuple):
    """A frame that a decoder gave.

    Attributes:
        stamp: its time of presentation, or the number by which it is known; None if it has none.
        frame: the picture.
        is_damaged: it could be decoded in part only.
    """

    stamp: int | None
    frame: av.VideoFrame
    is_damaged: bool = False


def has_guessed_stamps(stream: Any) -> bool:
    """Whether FFmpeg guesses the stamps: AVI stores none, and frames are reordered."""
    return bool(stream.container.format.name == "avi" and stream.codec_context.has_b_frames)


def has_true_stamps(stream: Any) -> bool:
    """Whether the stamps of a stream's packets are those of the frames that are shown."""
    hides_frames = stream.codec_context.name in _CODECS_WITH_HIDDEN_FRAMES
    return not (hides_frames or has_guessed_stamps(stream))


class Presentation:
    """The frames of a stream that are shown, in the order of their stamps.

    A packet's frame is due unless an edit list hides it or the packet is cut short. Only due frames
    are shown; one that the decoder does not give is replaced by the frame before it. Nothing is
    before the first frame that the decoder gives: a stream that was cut begins with packets whose
    references are gone. Where the packets' stamps do not tell, every decoded frame is shown, in the
    decoder's order: from the first packet on that has no stamp or that of another, or whose clock
    has gone back.

    Holds as many stamps as a decoder holds frames back.

    Args:
        due: stamps of the frames to show, ascending, where they are known beforehand.
        by_stamps: whether stamps decide which frames are shown; see :func:`has_true_stamps`.
        flags_neighbors: a packet flagged as damaged may be whole: only the one after it is missing.

    Attributes:
        due: stamps of frames that are still to be shown, a heap.
        by_stamps: whether stamps have told so far.
        num_whole: packets so far that are not damaged.
        num_replaced: due frames so far that were replaced by another.
        num_damaged: frames shown so far that could be decoded in part only.
    """

    def __init__(
        self, due: Iterable[int] = (), *, by_stamps: bool = True, flags_neighbors: bool = False
    ) -> None:
        self.due = list(due)
        self.by_stamps = by_stamps
        self.num_whole = self.num_replaced = self.num_damaged = 0
        self._is_told = bool(self.due)
        self._flags_neighbors = flags_neighbors
        self._last_dts: int | None = None

    @classmethod
    def of(cls, stream: Any) -> Self:
        """The presentation of a stream from its beginning."""
        # Transport streams: the seam of two recordings is taken for packets that are lost.
        is_ts = stream.container.format.name == "mpegts"
        return cls(by_stamps=has_true_stamps(stream), flags_neighbors=is_ts)

    def expect(self, packet: Any) -> None:
        """Take note of a packet, in the order of the file, before it is decoded."""
        if not packet.size:
            return
        is_whole = self._flags_neighbors or not packet.is_corrupt
        self.num_whole += is_whole
        is_reset = _goes_back(packet.dts, self._last_dts)
        self._last_dts = packet.dts
        if packet.pts is None or is_reset:
            self.by_stamps = False
            self.due.clear()
        elif self.by_stamps and is_whole and not packet.is_discard:
            heapq.heappush(self.due, packet.pts)

    def present(self, decoded: Iterable[Decoded]) -> Iterator[Decoded]:
        """What is shown of decoded frames; what does not come out is replaced."""
        before: Decoded | None = None
        for one in decoded:
            if not self.by_stamps:
                self.num_damaged += one.is_damaged
                yield one
            elif one.stamp is not None:
                while self.due and self.due[0] < one.stamp:
                    stamp = heapq.heappop(self.due)
                    if before is not None or self._is_told:
                        yield self._replaced(stamp, before or one)
                if self.due and self.due[0] == one.stamp:
                    heapq.heappop(self.due)
                    if self.due and self.due[0] == one.stamp:  # two packets of one time
                        self.by_stamps = False
                        self.due.clear()
                    self.num_damaged += one.is_damaged
                    yield one
                before = one
        while self.due and before is not None:
            yield self._replaced(heapq.heappop(self.due), before)

    def _replaced(self, stamp: int, by: Decoded) -> Decoded:
        self.num_replaced += 1
        return Decoded(stamp, by.frame, is_damaged=True)

    def frames(self, packets: Iterable[Any], stream: Any) -> Iterator[Decoded]:
        """All frames that are shown of some packets."""

        def expected() -> Iterator[Any]:
            for packet in packets:
                self.expect(packet)
                yield packet

        return self.present(decode(expected(), stream))


def decode(packets: Iterable[Any], stream: Any) -> Iterator[Decoded]:
    """All frames that the decoder makes of packets; those that it cannot decode are skipped.

    Damage reaches to the next key frame, unless it is in a B-frame, to which others do not refer. A
    frame counts as damaged only from a key frame on: in files that were cut, frames before the
    first one lack their references. So do frames where the clock goes back, at the seam of two
    files. The last packet of a file may have been cut in its middle. Where a broken key frame takes
    all before the first frame with it, that one is damaged.
    """
    has_key = is_spoilt = has_failed = False
    num_failed = 0
    last: Any = None
    waiting: Decoded | None = None
    for packet in chain(packets, [None]):  # None flushes the decoder
        is_over = packet is None or not packet.size
        is_seam = not is_over and last is not None and _goes_back(packet.dts, last.dts)
        is_cut = is_over or is_seam  # the packet before may have been
        if is_seam:
            has_key = is_spoilt = False
        is_spoilt = is_spoilt or (has_failed and not is_cut)
        has_failed = False
        if waiting is not None:
            is_spoilt = is_spoilt or (_spoils(waiting) and not is_cut)
            yield waiting._replace(is_damaged=not is_cut)
            waiting = None
        last = last if is_over else packet
        try:
            frames = stream.codec_context.decode(packet) if packet is None else packet.decode()
        except av.error.FFmpegError:
            has_failed = bool(packet and (has_key or packet.is_keyframe))
            num_failed += 1
            if num_failed == _MAX_FAILED:
                return
            continue
        num_failed = 0
        for frame in frames:
            is_last = last is not None and frame.pts == last.pts
            is_spoilt = is_spoilt and not (frame.key_frame and has_key)
            has_key = has_key or bool(frame.key_frame)
            is_corrupt = has_key and frame.is_corrupt
            one = Decoded(frame.pts, frame, is_spoilt or (is_corrupt and not (is_last and is_over)))
            is_spoilt = is_spoilt and not frame.key_frame
            if is_corrupt and is_last and not is_over and frame is frames[-1]:
                waiting = one
            else:
                is_spoilt = is_spoilt or (one.is_damaged and _spoils(one))
                yield one


def _spoils(one: Decoded) -> bool:
    """Whether other frames refer to this one."""
    return not (
        one.frame.pict_type == _B_FRAME or (one.frame.key_frame and not one.frame.is_corrupt)
    )


def _goes_back(time: int | None, before: int | None) -> bool:
    return time is not None and before is not None and time < before


class Clock:
    """Stamps -> seconds since the first frame, always ascending.

    Args:
        stream: the decoder's.
        fps: frames per second, where stamps do not tell.
    """

    def __init__(self, stream: Any, fps: float) -> None:
        self._unit_s, self._step_s = float(stream.time_base), 1 / fps
        self._counts = has_guessed_stamps(stream)
        self._zero: int | None = None
        self._offset_s = 0.0
        self._last_s = -self._step_s

    def read(self, stamp: int | None) -> float:
        """The time of the next frame, by its stamp, or None if it has none."""
        time_s = next_s = self._last_s + self._step_s
        if stamp is not None and not self._counts:
            if self._zero is None:
                self._zero, self._offset_s = stamp, next_s
            time_s = self._offset_s + (stamp - self._zero) * self._unit_s
            if self._last_s - time_s > _CLOCK_RESET_S:
                self._zero, self._offset_s = stamp, next_s
            if time_s <= self._last_s:
                time_s = next_s
        self._last_s = time_s
        return time_s
