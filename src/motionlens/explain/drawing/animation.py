"""Proposals of one position as an animation: the clip runs, and matched cells light up."""

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from motionlens._utils.checks import check_number
from motionlens._utils.files import write_atomically
from motionlens.explain.correspondences import Match
from motionlens.explain.drawing.arrows import draw_match, draw_position, match_legend
from motionlens.explain.drawing.frames import draw_frames
from motionlens.explain.drawing.overview import Place, headline, labels
from motionlens.explain.drawing.sheet import Sheet
from motionlens.explain.drawing.themes import (
    DROPPED_COLOUR,
    KEPT_COLOUR,
    LIGHT,
    POSITION_COLOUR,
    Theme,
)
from motionlens.explain.explanation import Explanation
from motionlens.video.writing import encode_compactly

SUFFIXES = (".gif", ".mp4")
_WIDTH = 6.0
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
    check_number("fps", fps, above=0)
    pictures = animation_frames(explained, place, theme=theme)
    encode = _as_gif if path.suffix.lower() == ".gif" else encode_compactly
    write_atomically(path, encode(pictures, fps=fps))


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
    names = [*labels(explained), f"position in frame {own}"]
    layout = sheet.lay_out([left, t], (size[0], size[1]), region=explained.region, columns=2)
    draw_frames(sheet, layout, frames, names)
    if t == own:
        draw_position(sheet, layout, match)
    draw_match(sheet, layout, match._replace(frame=left))
    sheet.legend(match_legend(), columns=2)
    return sheet.pixels()


def _as_gif(pictures: NDArray[np.uint8], *, fps: float) -> bytes:
    # One palette for all frames, or colours would flicker; colours with a meaning stay exact.
    palette = Image.fromarray(np.concatenate(pictures[:, ::2, ::2])).quantize(_COLOURS)
    exact = [ImageColor.getrgb(name) for name in (POSITION_COLOUR, KEPT_COLOUR, DROPPED_COLOUR)]
    palette.putpalette([*np.ravel(exact).tolist(), *(palette.getpalette() or [])])
    plain = Image.Dither.NONE
    first, *others = (Image.fromarray(p).quantize(palette=palette, dither=plain) for p in pictures)
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=round(1000 / fps), loop=0)
    return file.getvalue()
