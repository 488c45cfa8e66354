"""How many uploads are taken, from whom, and how fast they must arrive, as ASGI middleware."""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Collection
from contextlib import suppress

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motionlens.serving.config import ServingConfig
from motionlens.serving.metrics import Metrics
from motionlens.serving.schemas import error_response

# How long a client is told to wait before it tries again, seconds.
RETRY_AFTER_S = 1
# An upload gets one second more for each of as many bytes.
_BYTES_PER_S = 10_000
# One that is slower than this after a moment loses its place to a client that finds none.
_HURRIED_BYTES_PER_S, _MOMENT_S = 50_000, 1.0


def client_address(scope: Scope) -> str:
    """What a share is given to: an IPv4 address, or the /64 network of an IPv6 one.

    Example:
        >>> client_address({"client": ("2001:db8::5:1", 4711)})
        '2001:db8::/64'
    """
    host = str((scope.get("client") or ("",))[0])
    with suppress(ValueError):
        address = ipaddress.ip_address(host.partition("%")[0])
        if address.version == 6:
            if address.ipv4_mapped:
                return str(address.ipv4_mapped)
            return str(ipaddress.ip_network((int(address), 64), strict=False))
    return host


def too_large(config: ServingConfig) -> str:
    """Why an upload is refused that is above the limit."""
    return (
        f"an upload must have at most {config.max_upload_mb:g} MB, this one has more; send a "
        "shorter or smaller clip, or start the server with a larger --max_upload_mb"
    )


class UploadLimits:
    """Gives places to uploads: too many are refused (503), too large (413) and too slow ones (408).

    Where all places are taken, or all that one address may have, an upload that has its client to
    wait for loses its place: the slowest one of the address with most places. So clients that send
    a byte now and then keep nobody out.

    An upload whose client leaves is cancelled, whatever is being done for it.

    Args:
        app: the application behind.
        paths: the paths that take uploads.
        config: the limits.
        metrics: its ``open_uploads`` is kept up to date.
    """

    def __init__(
        self, app: ASGIApp, *, paths: Collection[str], config: ServingConfig, metrics: Metrics
    ) -> None:
        self._app, self._paths, self._config = app, paths, config
        self._uploads: set[_Upload] = set()
        metrics.open_uploads.set_function(lambda: len(self._uploads))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        is_upload = scope["type"] == "http" and scope["path"] in self._paths
        if not is_upload or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if int(announced) > self._config.max_upload_mb * 1e6:
            await error_response(413, too_large(self._config))(scope, receive, send)
            return
        upload = _Upload(client_address(scope), receive, send, self._config)
        if refusal := self._refusal(upload):
            answer = error_response(503, refusal, {"Retry-After": str(RETRY_AFTER_S)})
            await answer(scope, receive, send)
            return
        self._uploads.add(upload)
        try:
            await upload.run(self._app, scope)
        finally:
            self._uploads.discard(upload)

    def _refusal(self, upload: "_Upload") -> str | None:
        """Why an upload gets no place, None if it gets one."""
        held = Counter(other.address for other in self._uploads)
        if held[upload.address] >= self._config.max_per_address:
            crowd = [other for other in self._uploads if other.address == upload.address]
            message = f"{held[upload.address]} requests of your address wait already"
        elif len(self._uploads) >= self._config.max_waiting:
            crowd = list(self._uploads)
            message = f"{self._config.max_waiting} requests wait already"
        else:
            return None
        slow = [other for other in crowd if other.is_slow]
        if not slow:
            return f"{message}; try again in a moment"
        slowest = max(slow, key=lambda other: (held[other.address], -other.bytes_per_s))
        self._uploads.remove(slowest)
        slowest.dismiss()
        return None


class _Upload:
    """A request with a body, from its head to the end of its answer."""

    def __init__(self, address: str, receive: Receive, send: Send, config: ServingConfig) -> None:
        self.address, self._config = address, config
        self._receive_next, self._send = receive, send
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._received = 0
        self._timeout: asyncio.Timeout | None = None  # of the piece that is waited for
        self._is_dismissed = False
        self._arrived, self._left = asyncio.Event(), asyncio.Event()
        self._is_answered = False

    @property
    def bytes_per_s(self) -> float:
        """How fast it has arrived so far."""
        return self._received / max(self._loop.time() - self._began, 1e-3)

    @property
    def is_slow(self) -> bool:
        """Whether its client keeps it waiting."""
        is_young = self._loop.time() - self._began < _MOMENT_S
        return not (self._arrived.is_set() or is_young or self.bytes_per_s > _HURRIED_BYTES_PER_S)

    def dismiss(self) -> None:
        """End the wait for its client."""
        self._is_dismissed = True
        if self._timeout is not None:
            self._timeout.reschedule(self._loop.time())

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Pass the request on, and cancel what is done for it once its client leaves."""
        work = asyncio.ensure_future(app(scope, self._receive, self._send_piece))
        watch = asyncio.ensure_future(self._wait_until_left())
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
            if not (work.done() or self._is_answered):
                work.cancel()
            await asyncio.wait((work,))
            if not work.cancelled():
                work.result()
        finally:
            work.cancel()
            watch.cancel()

    async def _wait_until_left(self) -> None:
        await self._arrived.wait()
        while (await self._receive_next())["type"] != "http.disconnect":
            pass
        self._left.set()

    async def _send_piece(self, message: Message) -> None:
        self._is_answered = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)

    async def _receive(self) -> Message:
        """The next piece of the body, within the limits of size and time."""
        if self._arrived.is_set():
            await self._left.wait()
            return {"type": "http.disconnect"}
        patience_s = self._config.client_timeout_s + self._received / _BYTES_PER_S
        try:
            async with asyncio.timeout_at(self._began + patience_s) as self._timeout:
                if self._is_dismissed:
                    raise TimeoutError
                message = await self._receive_next()
        except TimeoutError:
            reason = "while others waited" if self._is_dismissed else f"within {patience_s:.0f} s"
            raise HTTPException(
                408, f"the upload did not arrive {reason}; send it again, or a smaller one"
            ) from None
        finally:
            self._timeout = None
        self._received += len(message.get("body", b""))
        if self._received > self._config.max_upload_mb * 1e6:
            raise HTTPException(413, too_large(self._config))
        if not message.get("more_body"):
            self._arrived.set()
        return message
