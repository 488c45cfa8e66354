"""What all plots share: colours, figures without spare lines, and writing them."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import IO, Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from motionlens._utils.files import write_atomically
from motionlens.report.plots.text import use_readable_text

# Keyword arguments of matplotlib.
Style = dict[str, Any]
# A path or an open file.
Target = str | os.PathLike[str] | IO[bytes]

# Okabe-Ito, in order of falling contrast, and two more; line styles help where colours do not.
COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#882255", "#888888"),
)
# Suffixes of pictures that a command writes.
PICTURE_FORMATS = (".png", ".svg", ".pdf")
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))
# One hue from light to dark reads with any colour vision, and in grey.
SHADES = "Blues"
CHANCE_LINE: Style = {"color": "#888888", "linewidth": 0.9, "linestyle": ":", "zorder": 0}


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches with axes side by side that share their ticks."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=130)
    axes = list(figure.subplots(1, columns, sharex=True, sharey=True, squeeze=False)[0])
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def check_picture_name(path: str | os.PathLike[str], name: str) -> None:
    """Check the suffix of a picture that an argument of this name asks for.

    Raises:
        ValueError: If it is not one of :data:`PICTURE_FORMATS`.
    """
    if Path(path).suffix.lower() not in PICTURE_FORMATS:
        raise ValueError(
            f"{name} must end in one of {', '.join(PICTURE_FORMATS)}, got {os.fspath(path)!r}"
        )


def save(figure: Figure, path: Target, **options: Any) -> None:
    """Write a figure in one step; the suffix names the format, PNG without one.

    Equal figures give equal files.

    Raises:
        OSError: If the file cannot be written.
    """
    place = Path(path) if isinstance(path, (str, os.PathLike)) else None
    options.setdefault("format", (place.suffix[1:].lower() if place else "") or "png")
    if options["format"] == "svg":
        options["metadata"] = {"Date": None}
    content = io.BytesIO()
    use_readable_text(figure)
    with without_glyph_warnings(), matplotlib.rc_context({"svg.hashsalt": "motionlens"}):
        figure.savefig(content, **options)
    if place is not None:
        write_atomically(place, content.getvalue())
    else:
        path.write(content.getvalue())  # type: ignore[union-attr]


def without_glyph_warnings() -> warnings.catch_warnings[None]:
    """What matplotlib says of characters whose place another font or a stand-in has taken."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
