"""ASGI middleware around every request: metrics, security headers, and bodies left unread."""

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motionlens.serving.metrics import Metrics

# What proxies call a request whose client left before it was answered.
_LEFT = 499

# The page loads nothing from another host and sends nothing to one. Frames arrive as data: URLs;
# recorded clips are shown as blob: URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Counts and times requests, and adds security headers to their answers.

    Args:
        app: the application behind.
        metrics: the metrics to update.
        paths: the paths that have a label of their own.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                # Pages are revalidated, so that an upgrade shows; answers are not stored.
                headers.setdefault(
                    "Cache-Control", "no-cache" if scope["method"] == "GET" else "no-store"
                )
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
            status = status or _LEFT
        finally:
            path = self._path_label(scope["path"])
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(path, method, status or 500).inc()
            self._metrics.request_seconds.labels(path).observe(time.perf_counter() - start)

    def _path_label(self, path: str) -> str:
        """One of a few labels: a scanner that tries many paths must not fill the memory."""
        if path in self._paths:
            return path
        return "/static" if path.startswith("/static/") else "other"


class Drain:
    """Reads the rest of a request that is answered early, so that its client sees the answer.

    A connection that is closed while its client still sends loses what was answered.

    Args:
        app: the application behind.
        seconds: how long it is read.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # A client that waits for a word before it sends its body is answered without it.
        is_complete = "expect" in Headers(scope=scope)

        async def watched() -> Message:
            nonlocal is_complete
            message = await receive()
            is_complete = not message.get("more_body")
            return message

        async def send_after_body(message: Message) -> None:
            # Who is too slow is not waited for.
            is_early = not is_complete and message.get("status") not in (None, 408)
            if is_early:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds):
                        while not is_complete:
                            await watched()
            await send(message)

        await self._app(scope, watched, send_after_body)
