"""The answers of the HTTP interface, from which its OpenAPI description is made."""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field


class ErrorAnswer(BaseModel):
    """Why a request was refused: one line."""

    error: str = Field(examples=["wave.mp4: cannot be read as a video (Invalid data found ...)"])


def error_response(
    status: int, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An :class:`ErrorAnswer` with its status."""
    return JSONResponse({"error": message}, status, headers=headers)


class LabelAnswer(BaseModel):
    """A label and its probability."""

    label: str
    probability: float = Field(ge=0, le=1)
    above: bool | None = Field(
        default=None,
        description="whether it reaches its threshold; only of a recognizer of several labels",
    )


class PredictionAnswer(BaseModel):
    """The most probable labels of a video, best first."""

    path: str = Field(description="name of the uploaded file")
    predictions: list[LabelAnswer]


class FramesAnswer(BaseModel):
    """The frames that the network saw."""

    count: int
    height: int = Field(description="of the video's frames, pixels")
    width: int
    numbers: list[int] = Field(description="frame numbers in the video, from 0")
    times_s: list[float] = Field(description="their times, seconds since the video's first frame")


class ProposalAnswer(BaseModel):
    """A similar position in another frame."""

    frame: int
    row: int
    column: int
    distance: float | None = Field(description="in feature space, by the module's metric")
    wins: int = Field(description="channels in which it gave the maximum; 0 if it was dropped")


class PositionAnswer(BaseModel):
    """A cell of a frame and what it was matched with."""

    frame: int = Field(description="number in the clip, from 0")
    row: int
    column: int
    change: float = Field(description="norm of what the module added there")
    proposals: list[ProposalAnswer] = Field(description="nearest first")


class PlaceAnswer(BaseModel):
    """A cell of a frame."""

    frame: int = Field(description="number in the clip, from 0")
    row: int
    column: int


class ModuleAnswer(BaseModel):
    """What one correspondence module matched."""

    name: str
    grid: dict[str, int] = Field(description="rows and columns of cells that divide the region")
    k: int = Field(description="proposals per position")
    channels: int = Field(description="the most wins that a proposal can have")
    best_matched: PlaceAnswer = Field(description="the position to look at first")
    positions: list[PositionAnswer] = Field(description="largest change first")


class ExplanationAnswer(BaseModel):
    """What was matched with what: the JSON of `motionlens explain`, and ``pictures``."""

    format: str
    version: int
    path: str
    predictions: list[LabelAnswer] = Field(description="all labels, best first")
    frames: FramesAnswer
    region: dict[str, float] = Field(
        description="what the network saw of each frame: top, left, height, width, in its pixels"
    )
    modules: list[ModuleAnswer]
    pictures: list[str] | None = Field(
        default=None, description="the frames as data: URLs (JPEG or PNG), scaled down"
    )


class ModelAnswer(BaseModel):
    """The recognizer that is served."""

    name: str = Field(description="name of the network")
    classes: list[str]
    about: str = Field(description="what it knows, in the model card's words; may be empty")
    modules: list[dict[str, str | int]] = Field(description="name, k and metric of each")
    explains: bool = Field(description="whether POST /explain works")
    card: dict[str, Any] = Field(description="the model card")
    pictures: int = Field(description="number of pictures that POST /predict/pictures takes")
    limits: dict[str, float] = Field(
        description="max_upload_mb, max_megapixels, max_proposals, max_waiting"
    )
    version: str = Field(description="version of motionlens")
