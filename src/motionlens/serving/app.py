"""The web application: interface, page, errors and headers put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from motionlens._utils.errors import one_line
from motionlens._utils.version import __version__
from motionlens.inference.recognizer import Recognizer
from motionlens.serving.config import ServingConfig
from motionlens.serving.guard import Guard, Load
from motionlens.serving.interface import UPLOADS, refused, router
from motionlens.serving.metrics import Metrics
from motionlens.serving.observing import Observer
from motionlens.serving.refusals import QuietRefusals
from motionlens.serving.service import Service
from motionlens.video.file import VideoError

STATIC = Path(__file__).parent / "static"

_PAGES = {"/": "index.html", "/docs": "docs.html"}
_ABOUT = """Recognition of motion in video, and what was matched with what.

Uploads are read in this process, lie in a temporary folder meanwhile, and are not kept. Errors are
answered as `{"error": "one line"}`.
"""


def create_app(
    recognizer: Recognizer,
    config: ServingConfig | None = None,
    *,
    allowed_hosts: Sequence[str] = ("*",),
) -> FastAPI:
    """The page and its interface for a recognizer, as an ASGI application.

    Args:
        recognizer: is used by this application alone as long as it runs.
        config: limits; the defaults if None.
        allowed_hosts: names by which the server may be called; ``*`` for any. Named ones keep pages
            from elsewhere that a browser shows from reaching it by a name of their own.

    Returns:
        The application. Threads and the folder for uploads are there from its start to its end.
    """
    config = config or ServingConfig()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(recognizer, config, metrics)
        try:
            yield
        finally:
            app.state.service = None
            service.close()

    # FastAPI's own pages load scripts from elsewhere.
    app = FastAPI(
        title="motionlens",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = None
    app.state.load = Load()
    app.state.metrics = metrics
    metrics.add_gauge(
        "motionlens_queue_length",
        "Clips and explanations that wait for the network.",
        lambda: app.state.service.num_waiting if app.state.service else 0,
    )
    metrics.add_gauge(
        "motionlens_open_uploads",
        "Uploads that are worked on or wait.",
        lambda: app.state.load.num_open,
    )
    app.include_router(router)
    _add_pages(app)
    _add_errors(app)
    # The last one added is the first that sees a request.
    app.add_middleware(
        Guard, paths=UPLOADS, max_bytes=config.max_upload_bytes, max_waiting=config.max_waiting
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts), www_redirect=False)
    paths = {route.path for route in router.routes if hasattr(route, "path")} | _PAGES.keys()
    app.add_middleware(Observer, metrics=metrics, paths=frozenset(paths | {"/openapi.json"}))
    # Outside of what counts: the metrics have the true status.
    app.add_middleware(QuietRefusals)
    return app


def _add_pages(app: FastAPI) -> None:
    for path, name in _PAGES.items():

        def page(name: str = name) -> FileResponse:
            return FileResponse(STATIC / name)

        app.add_api_route(
            path, page, methods=["GET", "HEAD"], include_in_schema=False, response_model=None
        )
    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def _add_errors(app: FastAPI) -> None:
    async def http_error(_: Request, error: Any) -> Response:
        return refused(error.status_code, str(error.detail), error.headers)

    async def wrong_values(_: Request, error: Any) -> Response:
        found = error.errors()[0]
        where = ".".join(str(part) for part in found["loc"] if part != "body")
        return refused(422, f"{where}: {found['msg']}; /docs says what is expected")

    async def no_video(_: Request, error: Exception) -> Response:
        return refused(422, one_line(error))

    async def unexpected(_: Request, error: Exception) -> Response:
        return refused(500, f"unexpected {type(error).__name__}; the server's log says more")

    app.add_exception_handler(StarletteHTTPException, http_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, wrong_values)
    app.add_exception_handler(VideoError, no_video)
    app.add_exception_handler(Exception, unexpected)
