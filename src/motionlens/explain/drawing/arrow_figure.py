"""Correspondences as pictures: strips of frames, arrows from a position to its proposals."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from motionlens.explain.drawing.arrows import draw_match, match_legend
from motionlens.explain.drawing.frames import choose_frames, draw_frames
from motionlens.explain.drawing.sheet import LABEL_SIZE, Region, Sheet
from motionlens.explain.drawing.themes import LIGHT, Theme
from motionlens.explain.matches import Match


class Row(NamedTuple):
    """One strip of a picture.

    Attributes:
        frames: uint8 ``(T, H, W, 3)``.
        match: what to draw on it.
        title: above the strip.
        region: part of the frames that the match's grid covers, pixels; None for all.
        labels: above the frames; None for their numbers.
    """

    frames: npt.NDArray[np.uint8]
    match: Match
    title: str
    region: Region | None = None
    labels: Sequence[str] | None = None


def draw_correspondences(
    rows: Sequence[Row], path: str | os.PathLike[str], title: str, *, theme: Theme = LIGHT
) -> None:
    """Write a picture of strips, one below the other.

    Args:
        rows: at least one; frames may differ in number and size.
        path: of the picture; the ending gives the format.
        title: above it.
        theme: its colours.

    Raises:
        OSError: If it cannot be written.
    """
    sheet = Sheet(theme)
    sheet.write(title)
    for row in rows:
        draw_row(sheet, row)
    sheet.legend(match_legend(), columns=3)
    sheet.save(path)


def draw_row(sheet: Sheet, row: Row) -> None:
    """Add a strip to a sheet."""
    T, H, W = row.frames.shape[:3]
    labels = row.labels or [f"frame {t}" for t in range(T)]
    if row.title:
        sheet.write(row.title, size=10, space=0.0)
    layout = sheet.lay_out(choose_frames(row.match, T), (H, W))
    draw_frames(sheet, layout, row.frames, labels, region=row.region)
    left_out = draw_match(sheet, layout, row.match, row.region or (0.0, 0.0, H, W))
    if left_out:
        note = f"{left_out} proposals lie in frames that are not shown"
        sheet.write(note, size=LABEL_SIZE, muted=True)
