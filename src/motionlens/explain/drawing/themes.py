"""Colours of pictures, on white paper and on dark pages."""

from typing import NamedTuple

# Okabe-Ito: distinct with any colour vision, on dark frames and on white paper.
POSITION_COLOUR = "#E69F00"
KEPT_COLOUR = "#56B4E9"
DROPPED_COLOUR = "#BBBBBB"
# Lightness grows all the way, so that it also reads in grey.
HEAT_COLOURS = "inferno"


class Theme(NamedTuple):
    """Colours around the frames.

    Attributes:
        background: of the page.
        text: of titles.
        muted: of labels.
    """

    background: str
    text: str
    muted: str


LIGHT = Theme("#FFFFFF", "#1F2328", "#59636E")
DARK = Theme("#0D1117", "#F0F6FC", "#9198A1")
THEMES = {"light": LIGHT, "dark": DARK}
