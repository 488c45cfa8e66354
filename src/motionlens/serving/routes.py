"""The routes of the HTTP interface."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from motionlens._utils.errors import one_line
from motionlens._utils.version import __version__
from motionlens.models.capture import correspondence_modules
from motionlens.serving.schemas import ErrorAnswer, ExplanationAnswer, ModelAnswer, PredictionAnswer
from motionlens.serving.service import Service
from motionlens.serving.upload_limits import client_address
from motionlens.serving.uploads import clean_name

_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorAnswer, "description": "The request is damaged, or for another host."},
    401: {"model": ErrorAnswer, "description": "The token is missing or wrong."},
    403: {"model": ErrorAnswer, "description": "A page of another site sends the request."},
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    408: {"model": ErrorAnswer, "description": "The upload does not arrive in time."},
    413: {"model": ErrorAnswer, "description": "The upload is too large."},
    422: {"model": ErrorAnswer, "description": "The video cannot be read, or a value is wrong."},
    503: {
        "model": ErrorAnswer,
        "description": "Too many requests wait.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}},
    },
}

router = APIRouter(responses=_REFUSALS)
# The routes that take uploads, whose limits are checked before the body is read.
uploads = APIRouter(responses=_REFUSALS | _ERRORS)


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _address(request: Request) -> str:
    return client_address(request.scope)


Served = Annotated[Service, Depends(_service)]
Address = Annotated[str, Depends(_address)]
Video = Annotated[UploadFile, File(description="a video file in a format that FFmpeg reads")]
Top = Annotated[int, Form(ge=1, description="number of labels")]


@uploads.post(
    "/predict",
    summary="Recognize a video",
    response_model=PredictionAnswer,
    response_model_exclude_unset=True,
)
async def predict(service: Served, address: Address, file: Video, top: Top = 5) -> Any:
    """The most probable labels, from one clip in the middle of the video."""
    found = await service.predict(file.file, clean_name(file.filename), top, address=address)
    return found.to_dict()


@uploads.post(
    "/predict/pictures",
    summary="Recognize the frames of one clip",
    response_model=PredictionAnswer,
    response_model_exclude_unset=True,
)
async def predict_pictures(
    service: Served,
    address: Address,
    files: Annotated[list[UploadFile], File(description="JPEG or PNG, in temporal order")],
    top: Top = 5,
) -> Any:
    """The most probable labels of the frames of one clip; `GET /model` has their number."""
    found = await service.predict_pictures([file.file for file in files], top, address=address)
    return found.to_dict()


@uploads.post(
    "/explain", summary="Explain what was matched with what", response_model=ExplanationAnswer
)
async def explain(
    service: Served,
    address: Address,
    file: Video,
    k: Annotated[
        int | None, Form(ge=1, description="proposals per position; by default the model's own")
    ] = None,
    top: Annotated[
        int | None,
        Form(ge=1, description="positions per module, most changed first; all by default"),
    ] = None,
    pictures: Annotated[bool, Form(description="whether the answer includes the frames")] = True,
) -> Response:
    """All labels, and which position each module matched with which.

    Nothing is kept: the answer includes the frames as `data:` URLs.
    """
    try:
        answer = await service.explain(
            file.file, clean_name(file.filename), k=k, top=top, pictures=pictures, address=address
        )
    except ValueError as error:  # k is out of range, or the network has no modules
        raise HTTPException(422, one_line(error)) from None
    # Not a model: pydantic would validate thousands of positions one by one.
    return StreamingResponse(answer, media_type="application/json")


@router.get("/model", response_model=ModelAnswer, summary="Describe the recognizer")
async def model(service: Served) -> Any:
    """The network, its labels, its modules with their k, and the server's limits."""
    recognizer, config = service.recognizer, service.config
    modules = correspondence_modules(recognizer.network)
    return {
        "name": recognizer.card.model,
        "classes": list(recognizer.class_names),
        "about": recognizer.card.about,
        "modules": [
            {"name": name, "k": module.k, "metric": module.search.metric}
            for name, module in modules.items()
        ],
        "explains": bool(modules),
        "card": recognizer.card.to_dict(),
        "pictures": service.num_pictures,
        "limits": {
            "max_upload_mb": config.max_upload_mb,
            "max_megapixels": config.max_megapixels,
            "max_proposals": config.max_proposals,
            "max_waiting": config.max_waiting,
        },
        "version": __version__,
    }


@router.get("/healthz", summary="Check that the server is up")
async def healthz() -> dict[str, str]:
    """`{"status": "ok"}` while the server is up."""
    return {"status": "ok"}


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format."}},
    summary="Metrics for Prometheus",
)
async def metrics(request: Request) -> Response:
    """Requests by path and status, their duration, batch sizes, and how many wait."""
    text = generate_latest(request.app.state.metrics.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
