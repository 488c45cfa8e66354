"""Refusals for the page: browsers log a status above 399 as an error, also where it is expected."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASKED, STATUS = "motionlens-refusals", "motionlens-status"


class QuietRefusals:
    """Answers with status 200 to those who send ``motionlens-refusals: quiet``, as the page does.

    The status that it would have been stands in the header ``motionlens-status``, for refusals alone;
    the server's own failures (500 and above) stay what they are.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        quiet = scope["type"] == "http" and Headers(scope=scope).get(ASKED) == "quiet"

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start" and 400 <= message["status"] < 500:
                MutableHeaders(scope=message)[STATUS] = str(message["status"])
                message["status"] = 200
            await send(message)

        await self._app(scope, receive, sent if quiet else send)
