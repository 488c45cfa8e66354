"""The limits of a server."""

import os
from dataclasses import dataclass, field, fields, replace

from motionlens._utils.checks import check_at_least, check_number
from motionlens.video.limits import Limits, limits_in_force


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingConfig:
    """How much a server accepts at a time.

    Attributes:
        max_upload_mb: largest upload, 10^6 bytes.
        max_megapixels: largest frames of a video, 10^6 pixels; larger ones are refused before
            they are decoded.
        max_proposals: most proposals of an explanation: k times the positions of all modules. The
            model's own k is always answered.
        max_batch: most clips in a batch.
        max_wait_ms: how long the first clip of a batch waits for others, milliseconds.
        max_waiting: most uploads that arrive, are processed or wait; the next one gets status 503,
            or the place of one that hardly arrives.
        max_per_address: most of them from one client address; behind a proxy without
            public_host all clients have one.
        max_connections: most connections; the next one closes one that waits for its client.
        client_timeout_s: how long a client may take for the head of a request and for its body,
            seconds, and one second more for each 10 kB of the body that came; also how long it may
            not read its answer.
        decode_threads: processes of one thread that decode videos; one per core, at most 4.
        decode_seconds: how long the decoding of an upload may take; then it is refused.
        decode_megabytes: how much memory it may take, 10^6 bytes, where the system can limit it.
        picture_px: longer side of the frames in an explanation, pixels.

    Raises:
        ValueError: If a value is out of range.
    """

    max_upload_mb: float = 64.0
    max_megapixels: float = 9.0
    max_proposals: int = 100_000
    max_batch: int = 16
    max_wait_ms: float = 4.0
    max_waiting: int = 128
    max_per_address: int = 96
    max_connections: int = 512
    client_timeout_s: float = 20.0
    decode_threads: int = field(default_factory=lambda: min(4, os.cpu_count() or 1))
    decode_seconds: float = 20.0
    decode_megabytes: float = 1500.0
    picture_px: int = 640

    @property
    def video_limits(self) -> Limits:
        """How much an upload may ask for: the process's limits, with the server's frame size."""
        return replace(limits_in_force(), max_megapixels=self.max_megapixels)

    def __post_init__(self) -> None:
        for entry in fields(self):
            name, value = entry.name, getattr(self, entry.name)
            if name == "max_wait_ms":
                check_number(name, value, least=0, most=10_000)
            elif entry.type is float:
                check_number(name, value, above=0, below=float("inf"))
            else:
                check_at_least(1, **{name: value})
