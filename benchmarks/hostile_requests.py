"""Files and requests that hurt a server, for `bench_serving.py --hostile`."""

from __future__ import annotations

import asyncio
import io
import random
import struct
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from PIL import Image, PngImagePlugin

# No hostile request may take longer, seconds.
MOST_S = 60.0
_BOUNDARY = "bound"


class Hostile:
    """Sends hostile requests and keeps what came of them.

    Args:
        address: of the server.
        clip: a good video, of which others are made.
        files: hostile files, which are sent as they are.

    Attributes:
        faults: what must not be: statuses of 500, and requests without an answer.
    """

    def __init__(self, address: str, clip: bytes, files: list[Path]) -> None:
        self._address, self._clip = address, clip
        self._outcomes: dict[str, Counter[str]] = {}
        self._longest_s = 0.0
        self.faults: Counter[str] = Counter()
        uploads = {
            "half a video": clip[: len(clip) // 2],
            "inverted bytes": bytes(b ^ 0xFF if i % 997 == 500 else b for i, b in enumerate(clip)),
            "playlist": b"ffconcat version 1.0\nfile /etc/passwd\n",
            "hls": b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
            "art": b"\x1b[31mA\x1b[0m\n" * 500,
            "nothing": b"",
            "noise": random.Random(0).randbytes(1_000_000),
            "many frames": _long_gif(),
            **{path.name: path.read_bytes() for path in files},
        }
        pictures = {"text bomb": _text_bomb(), "huge header": _png(50_000, 50_000)}
        self._kinds: dict[str, Callable[[], Awaitable[int | None]]] = {
            **{name: _bound(self._upload, content) for name, content in uploads.items()},
            **{name: _bound(self._pictures, content) for name, content in pictures.items()},
            "large k": self._large_k,
            "other site": self._other_site,
            "damaged chunk": self._damaged_chunk,
            "a byte per second": self._trickle,
            "leaves": self._leave,
        }

    async def send(self, rng: random.Random) -> None:
        """Send one, and wait for its end."""
        name = rng.choice(list(self._kinds))
        start = time.perf_counter()
        try:
            async with asyncio.timeout(MOST_S):
                status = await self._kinds[name]()
        except (httpx2.HTTPError, TimeoutError) as error:
            status = None
            self.faults[f"{name}: {type(error).__name__}"] += 1
        if status is not None and status >= 500 and status != 503:
            self.faults[f"{name}: {status}"] += 1
        self._longest_s = max(self._longest_s, time.perf_counter() - start)
        self._outcomes.setdefault(name, Counter())[str(status)] += 1

    def summary(self) -> dict[str, Any]:
        """How many were sent, and the statuses by kind."""
        outcomes = {name: dict(self._outcomes[name]) for name in sorted(self._outcomes)}
        sent = sum(sum(counts.values()) for counts in outcomes.values())
        return {"sent": sent, "longest_s": round(self._longest_s, 2), "statuses": outcomes}

    async def _upload(self, content: bytes) -> int:
        return await self._post("/predict", {"file": ("a.mp4", content)})

    async def _pictures(self, content: bytes) -> int:
        return await self._post("/predict/pictures", [("files", ("a.png", content))] * 8)

    async def _large_k(self) -> int:
        return await self._post("/explain", {"file": ("a.mp4", self._clip)}, data={"k": 448})

    async def _other_site(self) -> int:
        headers = {"Origin": "https://elsewhere.example"}
        return await self._post("/predict", {"file": ("a.mp4", self._clip)}, headers=headers)

    async def _post(self, path: str, files: Any, **settings: Any) -> int:
        async with httpx2.AsyncClient(base_url=self._address, timeout=MOST_S) as client:
            return (await client.post(path, files=files, **settings)).status_code

    async def _damaged_chunk(self) -> int | None:
        return await self._raw("Transfer-Encoding: chunked", b"no number\r\n")

    async def _trickle(self) -> int | None:
        part = 'Content-Disposition: form-data; name="file"; filename="a.mp4"'
        start = f"--{_BOUNDARY}\r\n{part}\r\n\r\n".encode()
        return await self._raw("Content-Length: 1000000", start, *(b"x" for _ in range(50)))

    async def _leave(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await self._upload(self._clip)

    async def _raw(self, header: str, *pieces: bytes) -> int | None:
        place = urlsplit(self._address)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        head = (
            f"POST /predict HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\n\r\n"
        )
        with suppress(ConnectionError):
            writer.write(head.encode())
            answer = asyncio.ensure_future(reader.readline())
            for piece in pieces:
                writer.write(piece)
                if (await asyncio.wait((answer,), timeout=1))[0]:
                    break
            line = await answer
            writer.close()
            return int(line.split()[1]) if line else None
        return None


def _bound(
    send: Callable[[bytes], Awaitable[int]], content: bytes
) -> Callable[[], Awaitable[int | None]]:
    return lambda: send(content)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b""))


def _text_bomb() -> bytes:
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("a", "x" * 100_000_000, zip=True)
    Image.new("RGB", (32, 32)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def _long_gif() -> bytes:
    """Twenty thousand frames on a canvas of 9 megapixels."""
    file = io.BytesIO()
    Image.new("P", (16, 16)).save(file, "GIF")
    content = bytearray(file.getvalue())
    content[6:10] = struct.pack("<HH", 3000, 3000)
    start = content.index(b"\x2c")
    control = b"\x21\xf9\x04\x00\x04\x00\x00\x00"
    return bytes(content[:start]) + (control + bytes(content[start:-1])) * 20_000 + b";"
