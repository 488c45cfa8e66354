"""Toy networks, trained on blocks that jump across a canvas, which are drawn in memory.

Every network has two 3x3 convolutions and its own core module. Poster: "Toy Example: A Failing of
several previous methods". `fit` is not used here: these networks train for seconds on a few
megabytes, and reading videos would take longer than learning from them.
"""

import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.machine import machine, versions
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.models.registry import create_model, model_options
from motionlens.report.statistics import bootstrap_mean
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import Figure
from motionlens.reproduce.runner import Found, Note
from motionlens.synthetic.toy import CLASS_NAMES, Canvas, ToyVideos, moving_blocks

NUM_TRAIN, NUM_VALIDATION = 1000, 200
VALIDATION_SEED = 10_000
BATCH_SIZE = 32
LEARNING_RATE = 1e-2


def train_and_store(run: Run, runs: Path) -> dict[str, Any]:
    """Train a network and write its run folder, a recognizer of toy videos.

    Raises:
        ValueError: If the network cannot be built.
        OSError: If the folder cannot be written.
    """
    numbers, model = train(run)
    save_checkpoint(runs / run.name, model, toy_card(run))
    return {**numbers, "versions": versions(), "machine": machine(torch.device("cpu"))}


def read(run: Run, note: Note) -> Found:
    """The results of a run, and its cells in three columns."""
    right = np.ones(NUM_VALIDATION)
    right[note["wrong"]] = 0
    figures = {
        run.canvas: Figure(note["validation"][-1], bootstrap_mean(right), right=right),
        f"{run.canvas}, left/right": Figure(note["left_right"]),
        f"{run.canvas}, up/down": Figure(note["up_down"]),
    }
    return {"canvas": run.canvas, "epochs": run.epochs, **note}, figures


def build(run: Run) -> nn.Module:
    """The network of a run with fresh weights.

    Raises:
        ValueError: For an unknown option, or one that the network refuses.
    """
    return create_model(run.model, num_classes=len(CLASS_NAMES), **run.options)


def toy_card(run: Run) -> ModelCard:
    """The model card of a run's network."""
    _, num_frames, size, _ = validation_videos(run.canvas).frames.shape
    return ModelCard(
        model=run.model,
        options=model_options(run.model, **run.options),
        class_names=CLASS_NAMES,
        sampling=Sampling(num_frames),
        preprocessing=Preprocessing(size, size, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    )


def train(run: Run) -> tuple[dict[str, Any], nn.Module]:
    """Train one network with one seed: 1000 training videos, AdamW, one-cycle.

    Args:
        run: its seed decides the weights, the training videos and their order; the validation
            videos are always the same.

    Returns:
        Measurements, accuracies in 0 to 1, and the network in inference mode. ``validation`` has
        the accuracy after each epoch; ``axis`` counts a prediction on the right axis as right;
        ``left_right`` and ``up_down`` choose between two classes, on their videos; ``by_step`` is
        the accuracy by the block's pixels per frame; ``wrong`` has the numbers of the validation
        videos that are misclassified after the last epoch.
    """
    torch.manual_seed(run.seed)
    train_videos = moving_blocks(NUM_TRAIN, canvas=cast(Canvas, run.canvas), seed=run.seed)
    validation = validation_videos(run.canvas)
    model = build(run)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    total = run.epochs * -(-NUM_TRAIN // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=total)
    started = time.perf_counter()
    curve = []
    for _ in range(run.epochs):
        model.train()
        for batch in torch.split(torch.randperm(NUM_TRAIN), BATCH_SIZE):
            videos = ToyVideos(*(values[batch] for values in train_videos))
            loss = F.cross_entropy(model(videos.clips()), videos.labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        curve.append(_accuracy(_logits(model, validation), validation.labels))
    seconds = time.perf_counter() - started
    logits = _logits(model, validation)
    steps = (validation.corners[:, 1] - validation.corners[:, 0]).abs().amax(1)
    numbers = {
        "system": run.row,
        "seed": run.seed,
        "parameters": sum(value.numel() for value in model.parameters()),
        "train": _accuracy(_logits(model, train_videos), train_videos.labels),
        "validation": curve,
        "axis": (logits.argmax(1) // 2 == validation.labels // 2).float().mean().item(),
        "left_right": _between(logits, validation.labels, "left", "right"),
        "up_down": _between(logits, validation.labels, "up", "down"),
        "by_step": {
            step: _accuracy(logits[steps == step], validation.labels[steps == step])
            for step in torch.unique(steps).tolist()
        },
        "seconds": seconds,
        "wrong": (logits.argmax(1) != validation.labels).nonzero()[:, 0].tolist(),
    }
    return numbers, model


def validation_videos(canvas: str) -> ToyVideos:
    """The 200 validation videos, the same for every seed."""
    return moving_blocks(NUM_VALIDATION, canvas=cast(Canvas, canvas), seed=VALIDATION_SEED)


def first_of_each_class(videos: ToyVideos) -> list[int]:
    """Numbers of the first video of each class, in the order of the classes."""
    return [int((videos.labels == label).nonzero()[0, 0]) for label in range(len(CLASS_NAMES))]


def _logits(model: nn.Module, videos: ToyVideos) -> Tensor:
    model.eval()
    with torch.no_grad():
        return torch.cat([model(clips) for clips in torch.split(videos.clips(), 2 * BATCH_SIZE)])


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(1) == labels).float().mean().item()


def _between(logits: Tensor, labels: Tensor, first: str, second: str) -> float:
    """Accuracy of choosing between two classes, on the videos of these two."""
    pair = torch.tensor([CLASS_NAMES.index(first), CLASS_NAMES.index(second)])
    chosen = torch.isin(labels, pair)
    return (pair[logits[chosen][:, pair].argmax(1)] == labels[chosen]).float().mean().item()
