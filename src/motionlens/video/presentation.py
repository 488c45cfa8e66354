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
from typing import Any

import av

# These store frames that are never shown, each in a packet of its own with a stamp of its own.
_CODECS_WITH_HIDDEN_FRAMES = frozenset({"vp8", "libvpx"})
# A clock that goes back by more has been reset; by less, frames share a time or are misplaced.
_CLOCK_RESET_S = 1.0


def has_guessed_stamps(stream: Any) -> bool:
    """Whether FFmpeg guesses the stamps: AVI stores none, and frames are reordered."""
    return bool(stream.container.format.name == "avi" and stream.codec_context.has_b_frames)


def has_true_stamps(stream: Any) -> bool:
    """Whether the stamps of a stream's packets are those of the frames that are shown."""
    hides_frames = stream.codec_context.name in _CODECS_WITH_HIDDEN_FRAMES
    return not (hides_frames or has_guessed_stamps(stream))


class Presentation:
    """The frames of a stream that are shown, in the order of their stamps.

    A packet's frame is due unless an edit list hides it or the packet is damaged. Only due frames
    are shown; one that the decoder does not give is replaced by the frame before it. Where the
    packets' stamps do not tell, every decoded frame is shown, in the decoder's order: from the
    first packet on that has no stamp, or whose clock has gone back.

    Holds as many stamps as a decoder holds frames back.

    Args:
        due: stamps of the frames to show, ascending, where they are known beforehand.
        by_stamps: whether stamps decide which frames are shown; see :func:`has_true_stamps`.

    Attributes:
        due: stamps of frames that are still to be shown, a heap.
        by_stamps: whether stamps have told so far.
        num_whole: packets so far that are not damaged.
        num_replaced: due frames so far that were replaced by another.
    """

    def __init__(self, due: Iterable[int] = (), *, by_stamps: bool = True) -> None:
        self.due = list(due)
        self.by_stamps = by_stamps
        self.num_whole = self.num_replaced = 0
        self._last_dts: int | None = None

    def expect(self, packet: Any) -> None:
        """Take note of a packet, in the order of the file, before it is decoded."""
        if not packet.size:
            return
        self.num_whole += not packet.is_corrupt
        is_reset = None not in (packet.dts, self._last_dts) and packet.dts < self._last_dts
        self._last_dts = packet.dts
        if packet.pts is None or is_reset:
            self.by_stamps = False
            self.due.clear()
        elif self.by_stamps and not (packet.is_discard or packet.is_corrupt):
            heapq.heappush(self.due, packet.pts)

    def present(
        self, decoded: Iterable[tuple[int | None, av.VideoFrame]]
    ) -> Iterator[tuple[int | None, av.VideoFrame]]:
        """What is shown of decoded frames, with stamps; what does not come out is replaced."""
        before: av.VideoFrame | None = None
        for stamp, frame in decoded:
            if not self.by_stamps:
                yield stamp, frame
            elif stamp is not None:
                while self.due and self.due[0] < stamp:
                    self.num_replaced += 1
                    yield heapq.heappop(self.due), before or frame
                if self.due and self.due[0] == stamp:
                    yield heapq.heappop(self.due), frame
                before = frame
        while self.due and before is not None:
            self.num_replaced += 1
            yield heapq.heappop(self.due), before

    def frames(
        self, packets: Iterable[Any], stream: Any
    ) -> Iterator[tuple[int | None, av.VideoFrame]]:
        """All frames that are shown of some packets, with their stamps."""

        def expected() -> Iterator[Any]:
            for packet in packets:
                self.expect(packet)
                yield packet

        return self.present((frame.pts, frame) for frame in decode(expected(), stream))


def decode(packets: Iterable[Any], stream: Any) -> Iterator[av.VideoFrame]:
    """All frames that the decoder makes of packets; those that it cannot decode are skipped."""
    for packet in packets:
        try:
            yield from packet.decode()
        except av.error.FFmpegError:
            continue
    try:
        yield from stream.codec_context.decode(None)
    except av.error.FFmpegError:
        return


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
