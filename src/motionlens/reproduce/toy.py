"""The poster's toy example: who can tell in which direction a fast block moves?

Every system gets two 3x3 convolutions and its own core module. Poster: "Toy Example: A Failing of
several previous methods".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.errors import nearest
from motionlens.models.registry import create_model
from motionlens.synthetic.toy import CLASS_NAMES, Canvas, ToyVideos, moving_blocks

NUM_TRAIN, NUM_VALIDATION = 1000, 200
VALIDATION_SEED = 10_000
BATCH_SIZE = 32
LEARNING_RATE = 1e-2
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """One row of the table.

    Attributes:
        model: name for :func:`motionlens.create_model`.
        summary: what it is, in a few words.
        options: of the model on either canvas.
        wide: further options on the wide canvas.
        epochs: on the box canvas and on the wide one.
        canvases: on which it is trained unless it is asked for by name.
    """

    model: str
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    wide: Mapping[str, Any] = field(default_factory=dict)
    epochs: tuple[int, int] = (8, 8)
    canvases: tuple[Canvas, ...] = ("box", "wide")


# "sealed": nothing about the place of the block leaks into a frame's features. A stride of 1 has
# no phase, a black margin keeps the block off the padding (on the wide canvas it is far from the
# border anyway), and the mean forgets where.
_SEALED = {"strides": (1, 1), "margin": 4, "head": "avg"}
_SEALED_WIDE = {"margin": 0}


def _sealed(model: str, summary: str) -> System:
    return System(
        model=model,
        summary=f"{summary}, sealed",
        options=_SEALED,
        wide=_SEALED_WIDE,
        epochs=(2, 1),  # it learns nothing, and is slow on the large canvas
    )


SYSTEMS: dict[str, System] = {
    "cpnet": System(
        model="toy_cpnet",
        summary="proposals, k = 4",
        wide={"strides": (2, 2)},
        epochs=(6, 12),
    ),
    "c2d": System(model="toy_c2d", summary="frame by frame, max", wide={"strides": (2, 2)}),
    "c2d_avg": System(
        model="toy_c2d",
        summary="frame by frame, mean",
        options={"head": "avg"},
        wide={"strides": (2, 2)},
    ),
    "c2d_sealed": _sealed("toy_c2d", "frame by frame"),
    "c3d": System(model="toy_c3d", summary="3x3x3, field 7 px", wide={"strides": (2, 2)}),
    "c3d_margin": System(
        model="toy_c3d",
        summary="3x3x3, field 7 px, no border near",
        options={"margin": 8},
        canvases=("box",),
    ),
    "c3d_sealed": _sealed("toy_c3d", "3x3x3, field 5 px"),
    "i3d": System(model="toy_i3d", summary="3x3x3, then 1x3x3", wide={"strides": (2, 2)}),
    "i3d_sealed": _sealed("toy_i3d", "3x3x3, then 1x3x3"),
    "nl": System(
        model="toy_nl", summary="non-local block", wide={"strides": (2, 2)}, epochs=(6, 6)
    ),
    "artnet": System(model="toy_artnet", summary="SMART blocks", wide={"strides": (2, 2)}),
    "artnet_sealed": _sealed("toy_artnet", "SMART blocks"),
    "trn": System(model="toy_trn", summary="relations of frames", wide={"strides": (2, 2)}),
    "trn_sealed": _sealed("toy_trn", "relations of frames"),
    "tsm": System(model="toy_tsm", summary="temporal shift", wide={"strides": (2, 2)}),
    "tsm_sealed": _sealed("toy_tsm", "temporal shift"),
    "mfnet": System(model="toy_mfnet", summary="motion filter", wide={"strides": (2, 2)}),
    "mfnet_sealed": _sealed("toy_mfnet", "motion filter"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyRun:
    """One system trained with one seed; accuracies in 0 to 1.

    Attributes:
        system: key of :data:`SYSTEMS`.
        seed: of weights, training videos and their order.
        parameters: trainable values.
        train: accuracy on the training videos, after the last epoch.
        validation: accuracy on the validation videos after each epoch.
        axis: share of validation videos placed on the right axis, whatever the sense.
        left_right: accuracy between left and right alone, on the videos that move so.
        up_down: likewise.
        by_step: accuracy by the block's step, pixels a frame.
        seconds: of training.
        wrong: numbers of the validation videos that are not recognized after the last epoch.
    """

    system: str
    seed: int
    parameters: int
    train: float
    validation: list[float]
    axis: float
    left_right: float
    up_down: float
    by_step: dict[int, float]
    seconds: float
    wrong: list[int] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ToyRun:
        """Read what :meth:`to_dict` gave, after JSON has made texts of the steps.

        Raises:
            TypeError: If a value is missing or unknown.
        """
        by_step = {int(step): accuracy for step, accuracy in values["by_step"].items()}
        return cls(**{**values, "by_step": by_step})


def find_systems(names: Sequence[str], canvas: Canvas) -> list[str]:
    """Check names of systems; none means all that are made for the canvas.

    Raises:
        ValueError: For an unknown one; the nearest is suggested.
    """
    for name in names:
        if name not in SYSTEMS:
            raise ValueError(
                f"models must be among {', '.join(SYSTEMS)}, got {name!r}{nearest(name, SYSTEMS)}"
            )
    every = [name for name, system in SYSTEMS.items() if canvas in system.canvases]
    return list(dict.fromkeys(names)) or every


def build_system(
    name: str, canvas: Canvas, cp_options: Mapping[str, Any] = NO_OPTIONS
) -> nn.Module:
    """Build the network of a system with fresh weights.

    Args:
        name: key of :data:`SYSTEMS`.
        canvas: on which it will be trained.
        cp_options: further options of systems with a CP module, such as ``k``.
    """
    options = system_options(name, canvas, cp_options)
    return create_model(SYSTEMS[name].model, num_classes=len(CLASS_NAMES), **options)


def system_options(
    name: str, canvas: Canvas, cp_options: Mapping[str, Any] = NO_OPTIONS
) -> dict[str, Any]:
    """Options of a system's model; arguments as for :func:`build_system`."""
    system = SYSTEMS[name]
    options = {**system.options, **(system.wide if canvas == "wide" else {})}
    return {**options, **cp_options} if system.model == "toy_cpnet" else options


def num_epochs(name: str, canvas: Canvas, epochs: int | None) -> int:
    """Epochs that a system is trained for; `epochs` overrides its own number."""
    return epochs or SYSTEMS[name].epochs[canvas == "wide"]


def train_system(
    name: str,
    *,
    canvas: Canvas,
    seed: int,
    epochs: int | None = None,
    cp_options: Mapping[str, Any] = NO_OPTIONS,
    on_epoch: Callable[[float], None] = lambda accuracy: None,
) -> tuple[ToyRun, nn.Module]:
    """Train one system with one seed: 1000 training videos, AdamW, one-cycle.

    Args:
        name: key of :data:`SYSTEMS`.
        canvas: ``"box"`` or ``"wide"``.
        seed: of weights, training videos and their order; validation videos are always the same.
        epochs: None for the system's own number.
        cp_options: see :func:`build_system`.
        on_epoch: told the validation accuracy after each epoch.

    Returns:
        What was measured, and the trained network in inference mode.
    """
    torch.manual_seed(seed)
    train = moving_blocks(NUM_TRAIN, canvas=canvas, seed=seed)
    validation = validation_videos(canvas)
    model = build_system(name, canvas, cp_options)
    epochs = num_epochs(name, canvas, epochs)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    steps = epochs * -(-NUM_TRAIN // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    started = time.perf_counter()
    curve = []
    for _ in range(epochs):
        model.train()
        for batch in torch.split(torch.randperm(NUM_TRAIN), BATCH_SIZE):
            videos = ToyVideos(*(values[batch] for values in train))
            loss = F.cross_entropy(model(videos.clips()), videos.labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        curve.append(_accuracy(_logits(model, validation), validation.labels))
        on_epoch(curve[-1])
    seconds = time.perf_counter() - started
    logits = _logits(model, validation)
    run = ToyRun(
        system=name,
        seed=seed,
        parameters=sum(value.numel() for value in model.parameters()),
        train=_accuracy(_logits(model, train), train.labels),
        validation=curve,
        axis=(logits.argmax(1) // 2 == validation.labels // 2).float().mean().item(),
        left_right=_between(logits, validation.labels, "left", "right"),
        up_down=_between(logits, validation.labels, "up", "down"),
        by_step=_by_step(logits, validation),
        seconds=seconds,
        wrong=(logits.argmax(1) != validation.labels).nonzero()[:, 0].tolist(),
    )
    return run, model


def validation_videos(canvas: Canvas) -> ToyVideos:
    """The 200 validation videos, the same for every seed."""
    return moving_blocks(NUM_VALIDATION, canvas=canvas, seed=VALIDATION_SEED)


def _logits(model: nn.Module, videos: ToyVideos) -> Tensor:
    model.eval()
    with torch.no_grad():
        return torch.cat([model(clips) for clips in torch.split(videos.clips(), 2 * BATCH_SIZE)])


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(1) == labels).float().mean().item()


def _by_step(logits: Tensor, videos: ToyVideos) -> dict[int, float]:
    steps = (videos.corners[:, 1] - videos.corners[:, 0]).abs().amax(1)
    return {
        step: _accuracy(logits[steps == step], videos.labels[steps == step])
        for step in torch.unique(steps).tolist()
    }


def _between(logits: Tensor, labels: Tensor, first: str, second: str) -> float:
    """Accuracy of choosing between two classes, on the videos of these two."""
    pair = torch.tensor([CLASS_NAMES.index(first), CLASS_NAMES.index(second)])
    chosen = torch.isin(labels, pair)
    return (pair[logits[chosen][:, pair].argmax(1)] == labels[chosen]).float().mean().item()
