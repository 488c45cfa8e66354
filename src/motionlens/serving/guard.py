"""Who may ask: the host names, the sites and the token of requests, as ASGI middleware."""

import hashlib
import hmac
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from motionlens.serving.schemas import error_response

# Shortest token.
_LEAST = 16


def check_token(name: str, token: str) -> None:
    """Make sure that a token can be sent in a header and cannot be guessed.

    Args:
        name: what the token is called; its value never is in a message.
        token: the token.

    Raises:
        ValueError: If it is too short, or has characters that no header takes.
    """
    if len(token) < _LEAST or not all("!" <= c <= "~" for c in token):
        raise ValueError(
            f"{name} must have at least {_LEAST} letters, digits or signs and no spaces, got "
            f"{len(token)} characters; make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe())'"
        )


class Guard:
    """Refuses requests by other host names, from other sites, and without the token.

    A page of another site can let a visitor's browser send requests to any address that the
    browser reaches. Browsers say where a request comes from; programs say nothing and are let in.
    A name that leads to this machine without being its own (DNS rebinding) would make another
    site's page look like ours, so only known names are answered where they are known.

    Args:
        app: the application behind.
        hosts: names that requests may use; ``*`` for any.
        public_host: name, and port unless usual, by which a proxy is asked.
        token: what requests must bring along in ``Authorization: Bearer``; None for nothing.
        open_paths: paths that need no token.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        public_host: str | None,
        token: str | None,
        open_paths: Collection[str],
    ) -> None:
        self._app, self._open_paths = app, open_paths
        self._public = (public_host or "").lower()
        self._hosts = {name.lower() for name in hosts}
        if self._public:
            self._hosts.add(_name(self._public))
        self._digest = None if token is None else _digest(f"Bearer {token}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, message = refusal
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        await error_response(status, message, headers)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and message, None for requests that are let in."""
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if "*" not in self._hosts and _name(host) not in self._hosts:
            return 400, (
                "the host name of the request is not one of this server; ask for localhost, or "
                "start the server with --public_host"
            )
        if self._is_from_elsewhere(scope, headers, host):
            return 403, (
                "the request comes from a page of another site; open this server's own page, or "
                "start the server with --public_host if it is behind a proxy"
            )
        path = scope["path"]
        if self._digest is None or path in self._open_paths or path.startswith("/static/"):
            return None
        if hmac.compare_digest(_digest(headers.get("authorization", "")), self._digest):
            return None
        return 401, "a token is needed; send it as the header 'Authorization: Bearer TOKEN'"

    def _is_from_elsewhere(self, scope: Scope, headers: Headers, host: str) -> bool:
        """Whether a browser says that a page of another site sends the request."""
        # A link to a page may be anywhere: it opens the page in the place of the other.
        is_link = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if is_link and headers.get("sec-fetch-dest") == "document":
            return False
        if headers.get("sec-fetch-site", "none").lower() not in ("same-origin", "none"):
            return True
        return not all(self._is_own(origin, host) for origin in headers.getlist("origin"))

    def _is_own(self, origin: str, host: str) -> bool:
        with suppress(ValueError):
            place = urlsplit(origin).netloc.lower()
            return bool(place) and place in (host, self._public)
        return False


def _name(host: str) -> str:
    """A host's name without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _digest(text: str) -> bytes:
    """Of equal length for all texts, so that a comparison takes equally long for all of them."""
    return hashlib.sha256(text.encode()).digest()
