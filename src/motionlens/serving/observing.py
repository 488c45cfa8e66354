"""Around every request: it is counted and timed, and its answer gets the headers of security."""

from __future__ import annotations

import time
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motionlens.serving.metrics import Metrics

# Nothing is loaded from anywhere else, and nothing is sent anywhere else. Frames come as data:
# addresses, and clips that the page has recorded are shown as blob: ones.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Observer:
    """Counts requests and sets headers.

    Args:
        app: what answers.
        metrics: what is counted into.
        paths: that are counted by their own name.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, paths: Collection[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                # Pages are asked for again after an upgrade; answers are nobody else's.
                headers.setdefault(
                    "Cache-Control", "no-cache" if scope["method"] == "GET" else "no-store"
                )
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = time.perf_counter() - start
            self._metrics.count_request(self._label(scope), scope["method"], status, seconds)

    def _label(self, scope: Scope) -> str:
        """The path of a request, of which there are few: a scanner must not fill the memory."""
        path: str = scope["path"]
        if path in self._paths:
            return path
        return "/static" if path.startswith("/static/") else "other"
