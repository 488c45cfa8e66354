"""The recognizers that come with the package: which way do things move, and along which path?

Each is a ``cpnet_nano`` trained on the motion suite; what it knows and what it does not is said in
the ``README.md`` beside it.
"""

from pathlib import Path

# Beside a run folder's name, what commands and `Recognizer.from_pretrained` know them by: the one
# that is taken where no run is given, and the one that training starts from.
NAME, PATHS = "bundled", "bundled_paths"
NAMES = (NAME, PATHS)


def bundled_path(name: str = NAME) -> Path:
    """The folder with the weights, the card and the README of one of ``NAMES``."""
    folder = Path(__file__).resolve().parent
    return folder if name == NAME else folder / "paths"
