"""Recognizer -> one file that runs without this package: ONNX, ``torch.export`` or AOTInductor."""

from cpnet.export.exporting import export_recognizer
from cpnet.export.formats import DEFAULT_OPSET, load_exported
from cpnet.export.parity import TOLERANCE, ClipParity, Parity, ParityError

__all__ = [
    "DEFAULT_OPSET",
    "TOLERANCE",
    "ClipParity",
    "Parity",
    "ParityError",
    "export_recognizer",
    "load_exported",
]
