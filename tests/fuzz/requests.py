"""Requests to a server of its own process, as bytes on a connection."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from fuzz.guard import children_of
from fuzz.mutation import VALUES, WORDS, mutated
from fuzz.target import Target
from fuzz.videos import encode, seed_pictures
from motionlens._utils.errors import printable

# Where a body is shorter than announced, a client has 2 s, and 1 s for each 10 kB that came.
_TIMEOUT_S = 60.0
# What is documented, and what HTTP itself says of requests that are none.
_STATUSES = frozenset(
    {200, 206, 304, 307, 400, 401, 403, 404, 405, 408, 411, 413, 416, 417, 422, 431, 503}
)
_PATHS = ("/predict", "/predict/pictures", "/explain")
_READ = ("/", "/model", "/healthz", "/metrics", "/openapi.json", "/docs", "/example.mp4",
         "/static/page.js", "/static/../app.py", "/static/%2e%2e/app.py", "/none")  # fmt: skip
_HEADERS = (
    "Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Host: evil.example",
    "Host: 127.0.0.1", "Transfer-Encoding: chunked", "Content-Length: -1",
    "Content-Length: 99999999999",
    "Content-Length: 0", "Expect: 100-continue", "Connection: upgrade\r\nUpgrade: websocket",
    "Content-Type: text/plain", "Content-Encoding: gzip", "Range: bytes=0-0,5-,-9",
    "X: " + "x" * 70_000,
    "Content-Type: multipart/form-data", "Content-Type: application/json", "Accept: \x00",
    "Cookie: a=b",
    "Authorization: Bearer x", "If-Modified-Since: x", "Forwarded: for=1.2.3.4", ": x", "X",
)  # fmt: skip


class RefusedError(ValueError):
    """The server has refused a request."""


def seed(folder: Path) -> None:
    """Start a server, and write good uploads."""
    for name, codec in (
        ("a.mp4", "libx264"),
        ("a.webm", "libvpx"),
        ("a.gif", "gif"),
        ("a.avi", "mpeg4"),
    ):
        encode(folder / name, codec, {}, {})
    pictures = folder.parent / "pictures"
    pictures.mkdir()
    seed_pictures(pictures)
    for name in ("rgb.png", "rgb.jpg"):
        (pictures / name).rename(folder / name)
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "motionlens", "serve", "--port", "0", "--device", "cpu"]
    environment = os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    with (folder.parent / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--client_timeout_s", "2"], env=environment, stdout=log, stderr=log
        )
    (folder.parent / "server.pid").write_text(str(server.pid))
    for _ in range(1200):
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", _log(folder))
        if found:
            break
        time.sleep(0.1)
    assert found, _log(folder)
    (folder.parent / "server.port").write_text(found.group(1))


def _log(folder: Path) -> str:
    return (folder.parent / "server.log").read_text(errors="replace")


@lru_cache(maxsize=4)
def _uploads(folder: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def make(rng: Random, seeds: Path, where: Path) -> None:
    """A request, and the port of the server."""
    uploads = _uploads(seeds)
    if rng.random() < 0.2:
        head, body = [f"GET {rng.choice(_READ)} HTTP/1.1", "Host: localhost"], b""
    else:
        path = rng.choice(_PATHS)
        body = _form(rng, path, uploads)
        boundary = "b" if rng.random() < 0.98 else rng.choice(WORDS)
        kind = f"Content-Type: multipart/form-data; boundary={boundary}"
        head = [f"POST {path} HTTP/1.1", "Host: localhost", kind]
        if rng.random() < 0.1:
            head.append("Transfer-Encoding: chunked")
            body = _chunked(rng, body)
        else:
            length = len(body) if rng.random() < 0.97 else rng.choice((0, 1, len(body) + 1, 10**9))
            head.append(f"Content-Length: {length}")
    is_damaged = rng.random() < 0.3
    if is_damaged and rng.random() < 0.6:
        head.insert(rng.randint(0, len(head)), rng.choice(_HEADERS))
    if rng.random() < 0.05:
        head[0] = head[0].replace(" ", rng.choice(WORDS).replace("\ud800", "x") + " ", 1)
    head.append("Connection: close")
    data = "\r\n".join([*head, "", ""]).encode("utf-8", "replace")
    if is_damaged and rng.random() < 0.5:
        data = mutated(rng, data, [data], most=1)
    (where / "request").write_bytes(data + body)
    (where / "port").write_text((seeds.parent / "server.port").read_text())


def _form(rng: Random, path: str, uploads: list[tuple[str, bytes]]) -> bytes:
    pictures = path.endswith("pictures")
    suffixes = (".png", ".jpg") if pictures else (".mp4", ".webm", ".gif", ".avi")
    fitting = [one for one in uploads if one[0].endswith(suffixes) or rng.random() < 0.02]
    good = [data for _, data in uploads]
    name, data = rng.choice(fitting)
    parts = []
    for _ in range(rng.choice((8, 8, 8, 1, 40)) if pictures else rng.choice((1,) * 20 + (0, 2))):
        content = mutated(rng, data, good) if rng.random() < (0.1 if pictures else 0.6) else data
        shown = name if rng.random() < 0.9 else f"{rng.choice(WORDS)}{name}".replace("\ud800", "x")
        field = "files" if pictures else "file"
        parts.append((f'name="{field}"; filename="{shown}"', content))
    for field in ("top", "k", "pictures", "x"):
        if rng.random() < 0.2:
            value = rng.choice((rng.choice(VALUES), rng.randint(-1, 20)))
            parts.append((f'name="{field}"', str(value).encode("utf-8", "replace")))
    rng.shuffle(parts)
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + about.encode("utf-8", "replace") + b"\r\n\r\n"
        + content + b"\r\n" for about, content in parts
    )  # fmt: skip
    body += b"--b--\r\n"
    return mutated(rng, body, [body], most=1) if rng.random() < 0.1 else body


def _chunked(rng: Random, body: bytes) -> bytes:
    parts = []
    for first in range(0, len(body), 5000):
        part = body[first : first + 5000]
        size = len(part) if rng.random() < 0.98 else rng.choice((0, 1, -1, 2**40))
        parts.append(f"{size:x}\r\n".encode() + part + b"\r\n")
    return b"".join(parts) + (b"0\r\n\r\n" if rng.random() < 0.95 else b"")


def use(_: Random, where: Path) -> None:
    """Send it, and compare the answer with what is documented."""
    request = (where / "request").read_bytes()
    with socket.create_connection(("127.0.0.1", int((where / "port").read_text()))) as connection:
        connection.settimeout(_TIMEOUT_S)
        received = bytearray()
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it has read everything
        try:
            while part := connection.recv(1 << 16):
                received += part
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise AssertionError(f"no end of the answer {bytes(received[:200])!r}") from None
    if not received:
        raise RefusedError(f"{where}: closed")
    _check(where, bytes(received), request)


def _check(where: Path, received: bytes, request: bytes) -> None:
    while received.startswith(b"HTTP/1.1 100"):
        received = received.partition(b"\r\n\r\n")[2]
    head, _, body = received.partition(b"\r\n\r\n")
    first = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    assert first, head[:200]
    status = int(first.group(1))
    assert status in _STATUSES, (status, body[:300])
    if status >= 400:
        text = body.decode()
        if b"application/json" in head:
            error = json.loads(_unchunked(head, body))["error"]
            assert error == printable(error), error
            assert len(error) < 2000, error[:300]
            text = error
        raise RefusedError(f"{where}: {status} {text[:200]!r}")
    if request.startswith(b"POST /") and status == 200:
        _check_answer(json.loads(_unchunked(head, body)))


def _unchunked(head: bytes, body: bytes) -> bytes:
    if b"transfer-encoding: chunked" not in head.lower():
        # A damaged request may be two, which have two answers.
        length = re.search(rb"content-length: (\d+)", head.lower())
        return body[: int(length.group(1))] if length else body
    found = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        found, body = found + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return found


def _check_answer(answer: dict[str, Any]) -> None:
    labels = answer.get("labels") or answer["predictions"]
    assert labels
    shares = [one["probability"] for one in labels]
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares, reverse=True)


def finish(folder: Path) -> list[str]:
    """End the server; what is wrong with it."""
    pid, faults = int((folder.parent / "server.pid").read_text()), []
    peaks = [_peak(pid), *(_peak(child) for child in _family(pid))]
    if max(peaks) > 2.5e9:
        faults.append(f"a process took {max(peaks) / 1e6:.0f} MB")
    children = _family(pid)
    os.kill(pid, signal.SIGTERM)
    for _ in range(300):
        if os.waitpid(pid, os.WNOHANG)[0]:
            break
        time.sleep(0.1)
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        faults.append("it did not end within 30 s")
    for _ in range(200):
        children = [child for child in children if _is_alive(child)]
        if not children:
            break
        time.sleep(0.1)
    faults += [f"process {child} has survived it" for child in children]
    faults += [f"{path.name} is left" for path in (folder.parent / "temporary").iterdir()]
    log = _log(folder)
    if "Traceback" in log or (not log.isprintable() and printable(log, keep="\n") != log):
        faults.append(log[-2000:])
    return faults


def _family(pid: int) -> list[int]:
    direct = children_of(pid)
    return [*direct, *(one for child in direct for one in _family(child))]


def _peak(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


def _is_alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


HTTP = Target(seed, make, use, RefusedError, finish=finish, is_client=True)
