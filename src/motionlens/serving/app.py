"""The web application: routes, pages, error handlers and middleware."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from motionlens._utils.errors import one_line
from motionlens._utils.version import __version__
from motionlens.inference.recognizer import Recognizer
from motionlens.serving.config import ServingConfig
from motionlens.serving.guard import Guard, check_token
from motionlens.serving.metrics import Metrics
from motionlens.serving.middleware import Drain, RequestMetrics
from motionlens.serving.routes import router, uploads
from motionlens.serving.schemas import error_response
from motionlens.serving.service import Service
from motionlens.serving.upload_limits import UploadLimits
from motionlens.video.frames import VideoError

STATIC = Path(__file__).parent / "static"

# The example is a collage of :mod:`motionlens.synthetic`'s textures that moves to the right.
_FILES = {"/": "index.html", "/docs": "docs.html", "/example.mp4": "example.mp4"}
# What tells nothing of the recognizer and asks nothing of it.
_OPEN = ("/healthz", "/openapi.json")
_DESCRIPTION = """Recognizes motion in video and shows what was matched with what.

Uploads are read in processes of the server, are temporary files meanwhile, and are not kept. Errors
are answered as `{"error": "one line"}`.
"""


def create_app(
    recognizer: Recognizer,
    config: ServingConfig | None = None,
    *,
    allowed_hosts: Sequence[str] = ("*",),
    public_host: str | None = None,
    token: str | None = None,
) -> FastAPI:
    """The page and its HTTP interface for a recognizer, as an ASGI application.

    Args:
        recognizer: used by this application alone while it runs.
        config: limits; ``ServingConfig()`` if None.
        allowed_hosts: host names that requests may use, ``*`` for any. Naming them protects
            against DNS rebinding.
        public_host: name, and port unless usual, by which a proxy in front is asked.
        token: what requests must bring along, but for the page's own files; None for nothing.

    Returns:
        The application. Its threads and its upload folder exist from startup to shutdown.

    Raises:
        ValueError: If the token is too short or cannot be sent in a header.
    """
    if token is not None:
        check_token("token", token)
    config = config or ServingConfig()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = Service(recognizer, config, metrics)
        try:
            yield
        finally:
            app.state.service.close()

    # FastAPI's own documentation pages load scripts from a CDN.
    app = FastAPI(
        title="motionlens",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.metrics = metrics
    needs = [Security(HTTPBearer(auto_error=False))] if token else []
    app.include_router(uploads, dependencies=needs)
    app.include_router(router, dependencies=needs)
    for path, name in _FILES.items():
        app.add_route(path, partial(_file, STATIC / name), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for kind in (HTTPException, RequestValidationError, VideoError, Exception):
        app.add_exception_handler(kind, _answer_error)
    # The middleware added last sees a request first.
    app.add_middleware(UploadLimits, paths=_paths(uploads), config=config, metrics=metrics)
    app.add_middleware(
        Guard,
        hosts=allowed_hosts,
        public_host=public_host,
        token=token,
        open_paths=(*_FILES, *_OPEN),
    )
    paths = _paths(uploads, router, app)
    app.add_middleware(RequestMetrics, metrics=metrics, paths=paths)
    app.add_middleware(Drain, seconds=config.client_timeout_s / 2)
    return app


def _paths(*routers: APIRouter | FastAPI) -> set[str]:
    routes = (route for router in routers for route in router.routes)
    return {route.path for route in routes if hasattr(route, "path")}


def _file(path: Path, _: Request) -> Response:
    return FileResponse(path)


async def _answer_error(_: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return error_response(error.status_code, str(error.detail), error.headers)
    if isinstance(error, VideoError):
        return error_response(422, one_line(error))
    if isinstance(error, RequestValidationError):
        first: Any = error.errors()[0]
        where = ".".join(str(name) for name in first["loc"] if name != "body")
        return error_response(422, f"{where}: {first['msg']}; /docs says what is expected")
    return error_response(500, f"unexpected {type(error).__name__}; the server's log says more")
