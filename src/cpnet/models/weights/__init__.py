"""Weights in and out: our own checkpoints, the authors' variables, starts from other weights."""

from cpnet.models.weights.checkpoint import (
    CARD_FILE,
    WEIGHTS_FILE,
    load_card,
    load_checkpoint,
    save_checkpoint,
)
from cpnet.models.weights.official import OfficialReport, load_official
from cpnet.models.weights.sources import Weights, read_weights
from cpnet.models.weights.transfer import TransferReport, inflate, start_from

__all__ = [
    "CARD_FILE",
    "WEIGHTS_FILE",
    "OfficialReport",
    "TransferReport",
    "Weights",
    "inflate",
    "load_card",
    "load_checkpoint",
    "load_official",
    "read_weights",
    "save_checkpoint",
    "start_from",
]
