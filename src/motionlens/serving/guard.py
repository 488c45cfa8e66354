"""Before anything is read: how large a request may be, and how many may wait."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What a client is told to wait before it tries again, seconds.
RETRY_AFTER_S = 1


class Guard:
    """Refuses uploads that are too large, and those that come while too many wait.

    Args:
        app: what is guarded.
        paths: of it.
        max_bytes: size of a request's body.
        max_waiting: requests at a time.
    """

    def __init__(
        self, app: ASGIApp, *, paths: Collection[str], max_bytes: int, max_waiting: int
    ) -> None:
        self._app, self._paths = app, paths
        self._max_bytes, self._max_waiting = max_bytes, max_waiting
        self._load = Load()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        load: Load = scope["app"].state.load
        refusal = None
        if load.num_open >= self._max_waiting:
            refusal = _busy(self._max_waiting)
        elif _content_length(scope) > self._max_bytes:
            refusal = JSONResponse({"error": too_large(self._max_bytes)}, 413)
        if refusal is not None:
            # A client that is still sending would not see the answer.
            await _drain(receive, self._max_bytes)
            await refusal(scope, receive, send)
            return
        load.num_open += 1
        try:
            await self._app(scope, _limited(receive, self._max_bytes), send)
        finally:
            load.num_open -= 1


class Load:
    """How many guarded requests are open.

    Attributes:
        num_open: read and changed in the event loop alone.
    """

    def __init__(self) -> None:
        self.num_open = 0


def too_large(max_bytes: int) -> str:
    """The message for a request that is too large."""
    return (
        f"an upload must have at most {max_bytes / 1e6:g} MB, this one has more; send a shorter or "
        "smaller clip, or start the server with a larger --max_upload_mb"
    )


def _busy(max_waiting: int) -> JSONResponse:
    message = f"{max_waiting} requests wait already; try again in a moment"
    return JSONResponse({"error": message}, 503, headers={"Retry-After": str(RETRY_AFTER_S)})


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """``receive`` that gives up on bodies larger than they may be, whatever they announced."""
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
    """Read a body to its end without keeping it; what is much too large is not waited for."""
    received = 0
    while received <= max_bytes:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        received += len(message.get("body", b""))
