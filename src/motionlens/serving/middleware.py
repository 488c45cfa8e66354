"""ASGI middleware: limits on uploads, request metrics and security headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motionlens.serving.config import ServingConfig
from motionlens.serving.metrics import Metrics
from motionlens.serving.schemas import error_response

# How long a client is told to wait before it tries again, seconds.
RETRY_AFTER_S = 1

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


class UploadLimits:
    """Refuses uploads that are too large (413), and any upload while too many are open (503).

    Args:
        app: the application behind.
        paths: the paths that take uploads.
        config: the limits.
        metrics: its ``open_uploads`` is kept up to date.
    """

    def __init__(
        self, app: ASGIApp, *, paths: Collection[str], config: ServingConfig, metrics: Metrics
    ) -> None:
        self._app, self._paths = app, paths
        self._max_bytes, self._max_waiting = config.max_upload_bytes, config.max_waiting
        self._slots = asyncio.Semaphore(config.max_waiting)
        self._open_uploads = metrics.open_uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        refusal = None
        length = Headers(scope=scope).get("content-length", "")
        if self._slots.locked():
            message = f"{self._max_waiting} requests wait already; try again in a moment"
            refusal = error_response(503, message, {"Retry-After": str(RETRY_AFTER_S)})
        elif length.isdecimal() and int(length) > self._max_bytes:
            refusal = error_response(413, too_large(self._max_bytes))
        if refusal is not None:
            # A client that is still sending would not see the answer.
            await _drain(receive, self._max_bytes)
            await refusal(scope, receive, send)
            return
        async with self._slots:
            with self._open_uploads.track_inprogress():
                await self._app(scope, _limited(receive, self._max_bytes), send)


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
        start, status = time.perf_counter(), 500

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
        finally:
            path = self._path_label(scope["path"])
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(path, method, status).inc()
            self._metrics.request_seconds.labels(path).observe(time.perf_counter() - start)

    def _path_label(self, path: str) -> str:
        """One of a few labels: a scanner that tries many paths must not fill the memory."""
        if path in self._paths:
            return path
        return "/static" if path.startswith("/static/") else "other"


def too_large(max_bytes: int) -> str:
    """The message for an upload above the limit."""
    return (
        f"an upload must have at most {max_bytes / 1e6:g} MB, this one has more; send a shorter or "
        "smaller clip, or start the server with a larger --max_upload_mb"
    )


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """``receive`` that raises once the body exceeds the limit, whatever its announced length."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise HTTPException(413, too_large(max_bytes))
        return message

    return limited


async def _drain(receive: Receive, max_bytes: int) -> None:
    """Read a body without keeping it, up to its end or the limit."""
    received = 0
    while received <= max_bytes:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        received += len(message.get("body", b""))
