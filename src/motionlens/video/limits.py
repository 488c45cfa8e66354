"""How much one video may ask for, in one place: the default of every command and every call.

Checked by what a file's header announces, before anything is decoded or made, and again by what
comes out. Generous for footage of today, whose cost grows with its size; what tiny files ask for is
limited. The limits in force are those of the call, else those of the environment variable
:data:`ENVIRONMENT`, which worker processes inherit, else the defaults.
"""

import os
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import lru_cache

from motionlens._utils.checks import check_number
from motionlens._utils.errors import nearest
from motionlens._utils.resource_limits import limited_memory
from motionlens.video.frames import VideoError

ENVIRONMENT = "MOTIONLENS_LIMITS"

# A file holds each byte of its packets once. Compressed headers and small files leave some room.
_OVERLAP, _OVERLAP_BYTES = 4, 65536
# Every byte of a file pays for the decoding of so many pixels, on top of `max_gigapixels`.
_PIXELS_PER_BYTE = 2000
# And for so many seconds, in which a slow decoder makes them, on top of `max_cpu_seconds`.
_SECONDS_PER_BYTE = 40e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much a video may ask for.

    Attributes:
        max_megapixels: largest frame, 10^6 pixels; 8K has 33.2.
        max_aspect: longer side of a frame divided by its shorter one. A frame is resized by its
            shorter side, so that a long thin one would grow.
        max_clip_megapixels: frames that are in memory at full size at the same time, 10^6 pixels of
            3 bytes.
        max_packets: packets of a file, which are read to number its frames.
        max_seconds: from the first frame of a file to its last.
        max_gigapixels: decoded on the way to the frames asked for, from the key frame before them,
            10^9 pixels; every byte of the file adds 2000.
        max_cpu_seconds: time of the processor that opening a file takes, or the way to the frames
            asked for; every megabyte of the file adds 40.
        max_memory_megabytes: address space that either of them takes, 10^6 bytes, where the system
            can limit it.

    Raises:
        ValueError: If a limit is not above 0.
    """

    max_megapixels: float = 34.0
    max_aspect: float = 20.0
    max_clip_megapixels: float = 400.0
    max_packets: float = 5e6
    max_seconds: float = 1e6
    max_gigapixels: float = 1.0
    max_cpu_seconds: float = 10.0
    max_memory_megabytes: float = 1500.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            check_number(entry.name, getattr(self, entry.name), above=0)

    @classmethod
    def parse(cls, text: str) -> "Limits":
        """Read ``NAME=VALUE,NAME=VALUE``; what is not named keeps its default.

        Raises:
            ValueError: For an unknown name or a value out of range.

        Example:
            >>> Limits.parse("max_megapixels=100,max_aspect=50").max_aspect
            50.0
        """
        names = [entry.name for entry in fields(cls)]
        values = {}
        for item in filter(None, (item.strip() for item in text.split(","))):
            name, _, value = (word.strip() for word in item.partition("="))
            if name not in names:
                raise ValueError(
                    f"limits must be NAME=VALUE,... with names {', '.join(names)}, got "
                    f"{item!r}{nearest(name, names)}"
                )
            try:
                values[name] = float(value)
            except ValueError:
                raise ValueError(f"{name} must be a number, got {value!r}") from None
        return cls(**values)

    def check_frame(self, name: str, height: int, width: int) -> None:
        """Refuse frames that are too large or too thin.

        Args:
            name: of the video, for the message.
            height: rows of a frame.
            width: columns of a frame.

        Raises:
            VideoError: If they are.
        """
        if height * width > self.max_megapixels * 1e6:
            raise VideoError(
                f"{name}: frames must have at most {self.max_megapixels:g} megapixels, these are "
                f"{width}x{height}; make them smaller, or {_raise('max_megapixels')}"
            )
        if max(height, width) > self.max_aspect * min(height, width):
            raise VideoError(
                f"{name}: the longer side of a frame must be at most {self.max_aspect:g} times the "
                f"shorter one, these are {width}x{height}; cut it, or {_raise('max_aspect')}"
            )

    def check_clip(self, name: str, num_frames: int, height: int, width: int) -> None:
        """Refuse more frames at the same time than fit into memory.

        Raises:
            VideoError: If they are too many.
        """
        if num_frames * height * width > self.max_clip_megapixels * 1e6:
            raise VideoError(
                f"{name}: frames of a clip must have at most {self.max_clip_megapixels:g} "
                f"megapixels together, {num_frames} of {width}x{height} have more; make them "
                f"smaller, or {_raise('max_clip_megapixels')}"
            )

    def check_packets(self, name: str, num_packets: int) -> None:
        """Refuse a file with too many packets.

        Raises:
            VideoError: If there are too many.
        """
        if num_packets > self.max_packets:
            raise VideoError(
                f"{name}: must have at most {self.max_packets:,.0f} packets, it has more; cut it "
                f"into parts, or {_raise('max_packets')}"
            )

    def check_duration(self, name: str, seconds: float) -> None:
        """Refuse a file whose times are absurd.

        Raises:
            VideoError: If it is too long.
        """
        if seconds > self.max_seconds:
            raise VideoError(
                f"{name}: must be at most {self.max_seconds:g} s long, its times say {seconds:g} "
                f"s; write it again with right times, or {_raise('max_seconds')}"
            )

    def check_decoded(self, name: str, pixels: float, num_bytes: int) -> None:
        """Refuse a file that needs too much decoding before the frames asked for.

        Args:
            name: of the video, for the message.
            pixels: decoded so far, or about to be.
            num_bytes: size of the file.

        Raises:
            VideoError: If it is too much.
        """
        most = self.max_gigapixels * 1e9 + _PIXELS_PER_BYTE * num_bytes
        if pixels > most:
            raise VideoError(
                f"{name}: more than {most / 1e9:.3g} gigapixels would "
                f"be decoded to come to the frames asked for, from a file of {num_bytes:,} bytes; "
                f"write it again with key frames and times, or {_raise('max_gigapixels')}"
            )

    def check_cpu(self, name: str, seconds: float, num_bytes: int) -> None:
        """Refuse a file that takes the processor for too long.

        Args:
            name: of the video, for the message.
            seconds: of the processor, so far.
            num_bytes: for which it is lent: of the file, or of what has been read of it.

        Raises:
            VideoError: If it does.
        """
        most = self.max_cpu_seconds + _SECONDS_PER_BYTE * num_bytes
        if seconds > most:
            raise VideoError(
                f"{name}: takes more than {most:.3g} s of the processor for {num_bytes:,} bytes; "
                f"write it again with key frames, or "
                f"{_raise('max_cpu_seconds')}"
            )

    def memory(self) -> AbstractContextManager[None]:
        """Hold :attr:`max_memory_megabytes` within a block, as ``limited_memory`` does."""
        return limited_memory(self.max_memory_megabytes * 1e6)


class Stopwatch:
    """Time of the processor that the thread has used since :meth:`restart`."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Count from now on."""
        self._began_s = time.thread_time()

    @property
    def seconds(self) -> float:
        """How much it is."""
        return time.thread_time() - self._began_s


def check_overlap(name: str, packet_bytes: int, num_bytes: int) -> None:
    """Refuse a file whose index leads to the same bytes again and again.

    Args:
        name: of the video, for the message.
        packet_bytes: size of the packets read so far.
        num_bytes: size of the file.

    Raises:
        VideoError: If they are far larger than the file.
    """
    if packet_bytes > _OVERLAP * num_bytes + _OVERLAP_BYTES:
        raise VideoError(
            f"{name}: its packets must lie beside each other, they take more than {_OVERLAP} times "
            f"the {num_bytes:,} bytes of the file; its index is damaged, copy it again"
        )


def _raise(name: str) -> str:
    return f"raise {name} (--limits {name}=...)"


def limits_in_force() -> Limits:
    """The limits of this process: those of :data:`ENVIRONMENT`, or the defaults.

    Raises:
        ValueError: If the variable cannot be read.
    """
    return _parsed(os.environ.get(ENVIRONMENT, ""))


@lru_cache(maxsize=8)
def _parsed(text: str) -> Limits:
    return Limits.parse(text)


def set_limits(limits: Limits | None) -> None:
    """Set the limits of this process and of those that it starts; None for the defaults."""
    if limits is None:
        os.environ.pop(ENVIRONMENT, None)
    else:
        values = ((entry.name, getattr(limits, entry.name)) for entry in fields(limits))
        os.environ[ENVIRONMENT] = ",".join(f"{name}={value!r}" for name, value in values)
