"""The recognizer that comes with the package: which way do things move?

A ``cpnet_nano`` trained on the motion suite; what it knows and what it does not is said in the
``README.md`` beside it.
"""

from pathlib import Path

# Beside a run folder's name, what commands and `Recognizer.from_pretrained` know it by.
NAME = "bundled"


def bundled_path() -> Path:
    """The folder with its weights, its card and its README."""
    return Path(__file__).resolve().parent
