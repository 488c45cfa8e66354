"""ASGI middleware: limits on uploads, request metrics and security headers."""

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress

from fastapi import HTTPException
from starlette.datastructures import MutableHeaders
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

    Starlette's own limit answers in plain text and does not say which option to change.

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
        self._slots = asyncio.Semaphore(config.max_waiting)
        self._open_uploads = metrics.open_uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        receive = self._limited(receive)
        if not self._slots.locked():
            async with self._slots:
                with self._open_uploads.track_inprogress():
                    await self._app(scope, receive, send)
            return
        # A client that is still sending would not see the answer.
        with suppress(HTTPException):
            while (await receive()).get("more_body"):
                pass
        message = f"{self._config.max_waiting} requests wait already; try again in a moment"
        refusal = error_response(503, message, {"Retry-After": str(RETRY_AFTER_S)})
        await refusal(scope, receive, send)

    def _limited(self, receive: Receive) -> Receive:
        """``receive`` that raises once the body exceeds the limit."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._config.max_upload_mb * 1e6:
                raise HTTPException(
                    413,
                    f"an upload must have at most {self._config.max_upload_mb:g} MB, this one has "
                    "more; send a shorter or smaller clip, or start the server with a larger "
                    "--max_upload_mb",
                )
            return message

        return limited


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
