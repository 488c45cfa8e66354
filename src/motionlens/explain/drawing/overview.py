"""An explanation as pictures: proposals, changes, all modules, several videos."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.numbers import figure, percent
from motionlens.explain.correspondences import Match, Region
from motionlens.explain.drawing.arrows import draw_match, match_legend
from motionlens.explain.drawing.frames import (
    MAX_FRAMES,
    choose_frames,
    draw_frames,
    draw_heat,
    draw_heat_bar,
)
from motionlens.explain.drawing.sheet import LABEL_SIZE, Sheet
from motionlens.explain.drawing.themes import LIGHT, Theme
from motionlens.explain.explanation import Explanation
from motionlens.report.plots.text import shortened


class Strip(NamedTuple):
    """The frames of a clip, and what is drawn on them.

    Attributes:
        frames: uint8 ``(T, H, W, 3)``.
        match: the position and its proposals.
        title: above the strip.
        region: part of the frames that the match's grid covers, pixels; None for all.
        labels: above the frames; None for their numbers.
    """

    frames: NDArray[np.uint8]
    match: Match
    title: str
    region: Region | None = None
    labels: Sequence[str] | None = None


class Place(NamedTuple):
    """A position of a module.

    Attributes:
        module: block name.
        frame: number in the clip.
        row: on the module's grid.
        column: on the module's grid.
    """

    module: str
    frame: int
    row: int
    column: int


def strongest_place(explained: Explanation, module: str | None = None) -> Place:
    """The position that a module changed most, the last module if None.

    Raises:
        ValueError: If there is no such module.
    """
    name = module or list(explained.modules)[-1]
    frame, row, column, _ = explained.ranked(name, 1)[0]
    return Place(name, frame, row, column)


def clearest_place(explained: Explanation, module: str | None = None) -> Place:
    """The position that a module matched best, the last module if None.

    Raises:
        ValueError: If there is no such module.
    """
    name = module or list(explained.modules)[-1]
    return Place(name, *explained.best_matched(name)[:3])


def same_place(explained: Explanation, place: Place, module: str) -> Place:
    """The position of another module whose cell holds the middle of a position's cell.

    Raises:
        ValueError: If there is no such module.
    """
    grids = explained.module(place.module).grid, explained.module(module).grid
    row, column = (
        (2 * at + 1) * new // (2 * old) for at, old, new in zip(place[2:], *grids, strict=True)
    )
    return Place(module, place.frame, row, column)


def draw_proposals(
    explained: Explanation, place: Place, path: str | os.PathLike[str], *, theme: Theme = LIGHT
) -> None:
    """Write the picture of one position's proposals.

    Args:
        explained: of a video.
        place: the position.
        path: of the picture; the suffix names the format.
        theme: its colours.

    Raises:
        ValueError: If there is no such module or position.
        OSError: If it cannot be written.
    """
    strip = _strip(explained, place, _where(place))
    draw_strips([strip], path, headline(explained), theme=theme)


def draw_modules(
    explained: Explanation, place: Place, path: str | os.PathLike[str], *, theme: Theme = LIGHT
) -> None:
    """Write the proposals of one place in all modules, one strip per module.

    Arguments and errors are those of :func:`draw_proposals`.
    """
    places = [same_place(explained, place, name) for name in explained.modules]
    strips = [_strip(explained, each, _where(each)) for each in places]
    draw_strips(strips, path, headline(explained), theme=theme)


def draw_comparison(
    videos: Sequence[tuple[Explanation, Place]],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    theme: Theme = LIGHT,
) -> None:
    """Write the proposals of one position in each of several videos, one strip per video.

    Args:
        videos: at least one, with the position to show.
        path: of the picture; the suffix names the format.
        title: above it; by default the module's name.
        theme: its colours.

    Raises:
        ValueError: If there is no such module or position.
        OSError: If it cannot be written.
    """
    strips = [_strip(explained, place, headline(explained)) for explained, place in videos]
    draw_strips(strips, path, title or f"Proposals in {videos[0][1].module}", theme=theme)


def draw_change(
    explained: Explanation, path: str | os.PathLike[str], *, theme: Theme = LIGHT
) -> None:
    """Write how much each module changed each position, one strip per module.

    Args:
        explained: of a video.
        path: of the picture; the suffix names the format.
        theme: its colours.

    Raises:
        OSError: If it cannot be written.
    """
    sheet = Sheet(theme)
    sheet.write(headline(explained))
    T, H, W = explained.frames.shape[:3]
    shown = np.linspace(0, T - 1, min(T, MAX_FRAMES)).round().astype(int).tolist()
    for name, found in explained.modules.items():
        change = found.change.reshape(T, *found.grid).numpy()
        peak = float(change.max())
        sheet.write(f"{name}: up to {figure(peak)}", size=10, space=0.0)
        layout = sheet.lay_out(shown, (H, W), region=explained.region)
        draw_frames(sheet, layout, explained.frames, labels(explained), grey=True)
        draw_heat(sheet, layout, change, peak)
    draw_heat_bar(sheet)
    sheet.save(path)


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
        T, H, W = strip.frames.shape[:3]
        if strip.title:
            sheet.write(strip.title, size=10, space=0.0)
        layout = sheet.lay_out(choose_frames(strip.match, T), (H, W), region=strip.region)
        names = strip.labels or [f"frame {t}" for t in range(T)]
        draw_frames(sheet, layout, strip.frames, names)
        if num_hidden := draw_match(sheet, layout, strip.match):
            note = f"{num_hidden} proposals lie in frames that are not shown"
            sheet.write(note, size=LABEL_SIZE, muted=True)
    sheet.legend(match_legend(), columns=3)
    sheet.save(path)


def headline(explained: Explanation) -> str:
    """Label, its probability, and the name of the video."""
    found = explained.prediction
    share = percent(found.probabilities[0])
    return f"{shortened(found.label)} {share}  ({shortened(Path(explained.path).name)})"


def labels(explained: Explanation) -> list[str]:
    """Titles of the frames: number in the clip, as positions have it, and time in the video."""
    return [f"frame {number}, {seconds:.2f} s" for number, seconds in enumerate(explained.times_s)]


def _strip(explained: Explanation, place: Place, title: str) -> Strip:
    match = explained.match(*place)
    return Strip(explained.frames, match, title, explained.region, labels(explained))


def _where(place: Place) -> str:
    module, frame, row, column = place
    return f"{module}: frame {frame}, row {row}, column {column}"
