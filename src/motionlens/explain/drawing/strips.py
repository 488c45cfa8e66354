"""Strips of frames with arrows from a position to its proposals, one below the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from motionlens.explain.drawing.arrows import draw_match, match_legend
from motionlens.explain.drawing.frames import choose_frames, draw_frames
from motionlens.explain.drawing.sheet import LABEL_SIZE, Sheet
from motionlens.explain.drawing.themes import LIGHT, Theme
from motionlens.explain.matches import Match, Region


class Strip(NamedTuple):
    """The frames of a clip, and what is drawn on them.

    Attributes:
        frames: uint8 ``(T, H, W, 3)``.
        match: the position and its proposals.
        title: above the strip.
        region: part of the frames that the match's grid covers, pixels; None for all.
        labels: above the frames; None for their numbers.
    """

    frames: npt.NDArray[np.uint8]
    match: Match
    title: str
    region: Region | None = None
    labels: Sequence[str] | None = None


def draw_strips(
    strips: Sequence[Strip], path: str | os.PathLike[str], title: str, *, theme: Theme = LIGHT
) -> None:
    """Write a picture of strips, one below the other.

    Args:
        strips: at least one; frames may differ in number and size.
        path: of the picture; the suffix names the format.
        title: above it.
        theme: its colours.

    Raises:
        OSError: If it cannot be written.
    """
    sheet = Sheet(theme)
    sheet.write(title)
    for strip in strips:
        draw_strip(sheet, strip)
    sheet.legend(match_legend(), columns=3)
    sheet.save(path)


def draw_strip(sheet: Sheet, strip: Strip) -> None:
    """Add a strip to a sheet."""
    T, H, W = strip.frames.shape[:3]
    labels = strip.labels or [f"frame {t}" for t in range(T)]
    if strip.title:
        sheet.write(strip.title, size=10, space=0.0)
    layout = sheet.lay_out(choose_frames(strip.match, T), (H, W), region=strip.region)
    draw_frames(sheet, layout, strip.frames, labels)
    num_hidden = draw_match(sheet, layout, strip.match)
    if num_hidden:
        note = f"{num_hidden} proposals lie in frames that are not shown"
        sheet.write(note, size=LABEL_SIZE, muted=True)
