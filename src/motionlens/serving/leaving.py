"""ASGI middleware: work for a client that has left is given up."""

import asyncio
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from motionlens.serving.schemas import error_response

# What other servers call it; nobody receives it, but it is counted.
_CLIENT_LEFT = 499


class EndWithClient:
    """Cancels the handling of a request whose client has left, which ends its decoding.

    Starlette itself goes on until there is an answer that nobody takes.

    Args:
        app: the application behind.
        paths: the paths whose answers take long.
    """

    def __init__(self, app: ASGIApp, *, paths: Collection[str]) -> None:
        self._app, self._paths = app, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, as long as somebody waits for its answer."""
        if scope["type"] != "http" or scope["path"] not in self._paths:
            await self._app(scope, receive, send)
            return
        is_read, is_answered = asyncio.Event(), False

        async def until_left() -> Message:
            """Wait for the client to leave once all of its request has been read."""
            await is_read.wait()
            while (message := await receive())["type"] != "http.disconnect":
                pass
            return message

        async def receive_body() -> Message:
            if is_read.is_set():
                return await asyncio.shield(leaving)
            message = await receive()
            if not message.get("more_body"):
                is_read.set()
            return message

        async def send_answer(message: Message) -> None:
            nonlocal is_answered
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            is_answered = is_answered or is_last
            await send(message)

        leaving = asyncio.ensure_future(until_left())
        working = asyncio.ensure_future(self._app(scope, receive_body, send_answer))
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if working.done() or is_answered:
                await working
                return
        finally:
            leaving.cancel()
            # What it holds is freed before the request counts as done.
            if not working.done():
                working.cancel()
                await asyncio.wait((working,))
        await error_response(_CLIENT_LEFT, "the client has left")(scope, receive, send)
