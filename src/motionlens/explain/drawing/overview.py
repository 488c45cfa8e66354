"""An explanation as pictures: proposals, changes, all modules, several videos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from motionlens.explain.drawing.frames import MAX_FRAMES, draw_frames
from motionlens.explain.drawing.heat import draw_heat, draw_heat_bar
from motionlens.explain.drawing.sheet import Sheet
from motionlens.explain.drawing.strips import Strip, draw_strips
from motionlens.explain.drawing.themes import LIGHT, Theme
from motionlens.explain.explanation import Explanation


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


def same_place(explained: Explanation, place: Place, module: str) -> Place:
    """The position of another module whose cell holds the middle of a position's cell.

    Raises:
        ValueError: If there is no such module or position.
    """
    y, x, height, width = explained.box(place.module, place.row, place.column)
    cell = explained.cell(module, y + height / 2, x + width / 2)
    if cell is None:
        raise ValueError(f"row and column must lie on the grid of {place.module}, got {place[2:]}")
    return Place(module, place.frame, *cell)


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
    explained: Explanation,
    path: str | os.PathLike[str],
    *,
    modules: Sequence[str] | None = None,
    theme: Theme = LIGHT,
) -> None:
    """Write how much each module changed each position, one strip per module.

    Args:
        explained: of a video.
        path: of the picture; the suffix names the format.
        modules: block names; None for all.
        theme: its colours.

    Raises:
        ValueError: If there is no such module.
        OSError: If it cannot be written.
    """
    sheet = Sheet(theme)
    sheet.write(headline(explained))
    T, H, W = explained.frames.shape[:3]
    for name in modules or list(explained.modules):
        found = explained.module(name)
        change = found.change.reshape(T, *found.grid).numpy()
        peak = float(change.max())
        sheet.write(f"{name}: up to {peak:.3g}", size=10, space=0.0)
        layout = sheet.lay_out(_evenly(T, MAX_FRAMES), (H, W), region=explained.region)
        draw_frames(sheet, layout, explained.frames, labels(explained), grey=True)
        draw_heat(sheet, layout, change, peak)
    draw_heat_bar(sheet)
    sheet.save(path)


def headline(explained: Explanation) -> str:
    """Label, its probability, and the name of the video."""
    found = explained.prediction
    return f"{found.label} {100 * found.probabilities[0]:.0f} %  ({Path(explained.path).name})"


def labels(explained: Explanation) -> list[str]:
    """Titles of the frames: number in the video, and time."""
    pairs = zip(explained.frame_numbers, explained.times_s, strict=True)
    return [f"frame {number}, {seconds:.2f} s" for number, seconds in pairs]


def _strip(explained: Explanation, place: Place, title: str) -> Strip:
    match = explained.match(*place)
    return Strip(explained.frames, match, title, explained.region, labels(explained))


def _where(place: Place) -> str:
    return (
        f"{place.module}: frame {place.frame} of the clip, row {place.row}, column {place.column}"
    )


def _evenly(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` frames, evenly spread, with the first and the last."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
