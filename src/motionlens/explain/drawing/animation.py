"""Proposals of one position as an animation: the clip runs, and matched cells light up."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image, ImageColor

from motionlens._utils.files import write_atomically
from motionlens.explain.drawing.arrows import draw_match, draw_position, match_legend
from motionlens.explain.drawing.frames import draw_frames
from motionlens.explain.drawing.overview import Place, headline, labels
from motionlens.explain.drawing.sheet import LABEL_SIZE, MARGIN, Sheet
from motionlens.explain.drawing.themes import (
    DROPPED_COLOUR,
    KEPT_COLOUR,
    LIGHT,
    POSITION_COLOUR,
    Theme,
)
from motionlens.explain.explanation import Explanation
from motionlens.explain.matches import Match
from motionlens.video.writing import encode_compactly

SUFFIXES = (".gif", ".mp4")
_WIDTH = 6.0
_BAR_HEIGHT = 0.45
_COLOURS = 96


def animate(
    explained: Explanation,
    place: Place,
    path: str | os.PathLike[str],
    *,
    fps: float = 2.0,
    theme: Theme = LIGHT,
) -> None:
    """Write an animation: the position's frame on the left, the clip running on the right.

    Args:
        explained: of a video.
        place: the position.
        path: of the animation, ``.gif`` or ``.mp4``.
        fps: frames of the clip per second.
        theme: its colours.

    Raises:
        ValueError: For another suffix, an fps that is not above 0, or if there is no such module
            or position.
        OSError: If it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"path must end in {' or '.join(SUFFIXES)}, got {path.name!r}")
    if not fps > 0:
        raise ValueError(f"fps must be above 0, got {fps}")
    pictures = animation_frames(explained, place, theme=theme)
    is_gif = path.suffix.lower() == ".gif"
    content = _as_gif(pictures, fps) if is_gif else encode_compactly(pictures, fps=fps)
    write_atomically(path, content)


def animation_frames(
    explained: Explanation, place: Place, *, theme: Theme = LIGHT
) -> NDArray[np.uint8]:
    """The pictures of :func:`animate`, uint8 ``(T, H, W, 3)``, one per frame of the clip."""
    match = explained.match(*place)
    return np.stack([_step(explained, match, t, theme) for t in range(len(explained.frames))])


def _step(explained: Explanation, match: Match, t: int, theme: Theme) -> NDArray[np.uint8]:
    """The picture while frame t of the clip is on the right."""
    sheet = Sheet(theme, width=_WIDTH)
    sheet.write(headline(explained))
    own, size = match.frame, explained.frames.shape[1:3]
    # The position's own frame may be on both sides: number T stands for the left one.
    left = len(explained.frames)
    frames = np.concatenate([explained.frames, explained.frames[own : own + 1]])
    names = [*labels(explained), f"position in frame {explained.frame_numbers[own]}"]
    layout = sheet.lay_out([left, t], (size[0], size[1]), region=explained.region, columns=2)
    draw_frames(sheet, layout, frames, names)
    if t == own:
        draw_position(sheet, layout, match)
    draw_match(sheet, layout, match._replace(frame=left))
    _draw_wins(sheet, match, t, left)
    sheet.legend(match_legend(), columns=2)
    return sheet.pixels()


def _draw_wins(sheet: Sheet, match: Match, current: int, num_frames: int) -> None:
    """Bars of the channels that the proposals of each frame won; the current frame is marked."""
    wins = [0] * num_frames
    for target in match.targets:
        wins[target.frame] += target.wins
    text = "channels won by the proposals of each frame"
    sheet.write(text, size=LABEL_SIZE, muted=True, space=0.02)
    width = (sheet.width - 2 * MARGIN) / num_frames
    bottom = sheet.y + _BAR_HEIGHT
    for t, count in enumerate(wins):
        x = MARGIN + t * width
        height = _BAR_HEIGHT * count / max(*wins, 1)
        foot = POSITION_COLOUR if t == match.frame else DROPPED_COLOUR
        for y, high, colour in ((bottom - height, height, KEPT_COLOUR), (bottom, 0.04, foot)):
            bar = Rectangle((x, y), 0.9 * width, high, color=colour, linewidth=0, zorder=2)
            sheet.ax.add_patch(bar)
        if t == current:
            frame = Rectangle(
                (x - 0.02, bottom - _BAR_HEIGHT), 0.9 * width + 0.04, _BAR_HEIGHT + 0.06
            )
            frame.set(fill=False, edgecolor=sheet.theme.text, linewidth=1.4, zorder=3)
            sheet.ax.add_patch(frame)
    sheet.y = bottom + 0.16


def _as_gif(pictures: NDArray[np.uint8], fps: float) -> bytes:
    # One palette for all frames, or colours would flicker; colours with a meaning stay exact.
    images = [Image.fromarray(picture) for picture in pictures]
    palette = _palette(images)
    plain = Image.Dither.NONE
    shown = [image.quantize(palette=palette, dither=plain) for image in images]
    file = io.BytesIO()
    shown[0].save(
        file, "GIF", save_all=True, append_images=shown[1:], duration=round(1000 / fps), loop=0
    )
    return file.getvalue()


def _palette(images: Sequence[Image.Image]) -> Image.Image:
    small = [image.resize((image.width // 2, image.height // 2)) for image in images]
    sheet = Image.new("RGB", (small[0].width, sum(image.height for image in small)))
    for number, image in enumerate(small):
        sheet.paste(image, (0, number * image.height))
    found = sheet.quantize(_COLOURS)
    colours = found.getpalette() or []
    for colour in (POSITION_COLOUR, KEPT_COLOUR, DROPPED_COLOUR):
        colours = [*ImageColor.getrgb(colour)[:3], *colours]
    found.putpalette(colours)
    return found
