"""Connections of clients that are slow, many, or do not speak HTTP."""

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from motionlens.serving.config import ServingConfig
from motionlens.serving.schemas import error_response
from motionlens.serving.upload_limits import client_address

# How long open requests get where the server is to end, seconds; and how much later uvicorn cancels
# what still goes on, which it logs with a traceback.
_GRACE_S, _CANCEL_LATER_S = 3.0, 3.0
# After a connection is closed, how long its client may take to read what was sent, seconds.
_LINGER_S = 5.0


def uvicorn_settings(
    app: ASGIApp, limits: ServingConfig, max_connections: int, *, is_behind_proxy: bool = False
) -> uvicorn.Config:
    """How uvicorn serves an application.

    Args:
        app: the application.
        limits: ``client_timeout_s`` is how long clients may take.
        max_connections: of the server.
        is_behind_proxy: whether a proxy on this machine says who its clients are.
    """
    # Warnings are about what clients send.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    return uvicorn.Config(
        app,
        http=cast("Any", partial(Connection, limits=limits, max_connections=max_connections)),
        ws="none",
        lifespan="on",
        log_level="error",
        server_header=False,
        proxy_headers=is_behind_proxy,
        forwarded_allow_ips=["127.0.0.1", "::1"],
        timeout_graceful_shutdown=int(_GRACE_S + _CANCEL_LATER_S),
    )


class Connection(H11Protocol):
    """A connection that ends where its client keeps it waiting.

    uvicorn waits without end for the head of a request, for a client that does not read, and for
    one that sends the rest of a body after its answer. Where there are too many connections, the
    one whose client has not done its part for longest ends, of the address with most of them.

    Args:
        limits: ``client_timeout_s`` is how long the client may take.
        max_connections: of the server.
        **settings: uvicorn's.
    """

    def __init__(self, *, limits: ServingConfig, max_connections: int, **settings: Any) -> None:
        super().__init__(**settings)
        self._patience_s, self._max_connections = limits.client_timeout_s, max_connections
        self._timer: asyncio.TimerHandle | None = None
        self.address, self.since = "", 0.0  # whose it is, and when it last began to wait

    @property
    def waits_for_client(self) -> bool:
        """Whether it can only go on if the client sends or reads."""
        is_idle = self.cycle is None or self.cycle.response_complete
        return is_idle or self.cycle.more_body or self.flow.write_paused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, in the place of another one if there are too many."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.address = client_address({"client": self.client})
        self._mind_time()
        others: set[Connection] = cast("Any", self.connections)  # the server makes no other ones
        if len(others) > self._max_connections:
            held = Counter(other.address for other in others)
            waiting = [other for other in others if other.waits_for_client]
            max(waiting, key=lambda other: (held[other.address], -other.since)).drop()

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        super().data_received(data)
        self._mind_time()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._mind_time()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._mind_time()

    def resume_writing(self) -> None:
        """Go on, as the client has read."""
        super().resume_writing()
        self._mind_time()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def shutdown(self) -> None:
        """End as the server does; an answer that can be given in a moment is given."""
        if self.cycle is not None and not self.cycle.response_complete and self.waits_for_client:
            self.drop()
        else:
            super().shutdown()
            self.loop.call_later(
                _GRACE_S, self._close_with, 503, "the server ends; try again later"
            )

    def drop(self) -> None:
        """End it at once."""
        self.connections.discard(self)  # the next one that comes does not end this one again
        self._let_go()
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Say that something is no HTTP, unless an answer has begun, and close."""
        self._close_with(400, "the request is not valid HTTP/1.1; send it with an HTTP client")

    def _mind_time(self) -> None:
        """Set the clock while the client does nothing useful, whatever it sends."""
        is_served = self.cycle is not None and not self.cycle.response_complete
        is_timed = not is_served or self.flow.write_paused
        if is_timed == (self._timer is not None):
            return
        self.since = self.loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        else:
            self._timer = self.loop.call_later(self._patience_s, self._give_up)

    def _give_up(self) -> None:
        is_head = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if is_head:
            self._close_with(408, f"the head did not arrive within {self._patience_s:g} s")
        elif self.flow.write_paused:
            self.drop()
        else:
            self._let_go()

    def _close_with(self, status: int, message: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = error_response(status, message, {"Connection": "close"})
            start = h11.Response(status_code=status, headers=answer.raw_headers)
            for event in (start, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self._let_go()

    def _let_go(self) -> None:
        """Close, and let what still works on a request know that its client is gone."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self.loop.call_later(_LINGER_S, self.transport.abort)
