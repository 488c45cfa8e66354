"""The files of an explanation: its data and its pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from motionlens._utils.files import write_atomically
from motionlens.explain.drawing.animation import animate
from motionlens.explain.drawing.overview import Place, draw_change, draw_modules, draw_proposals
from motionlens.explain.drawing.themes import THEMES
from motionlens.explain.explanation import Explanation

DATA_FILE = "explanation.json"

PictureFormat = Literal["png", "webp", "svg", "pdf"]
Animation = Literal["gif", "mp4"]
ThemeName = Literal["light", "dark"]


def write_explanation(
    explained: Explanation,
    place: Place,
    folder: Path,
    *,
    top: int | None = 100,
    animation: Animation | None = None,
    fps: float = 2.0,
    format: PictureFormat = "png",
    theme: ThemeName = "light",
    on_progress: Callable[[str], None] | None = None,
) -> None:
    """Write ``explanation.json`` and pictures of the proposals, the changes and all modules.

    Args:
        explained: of a video.
        place: the position whose proposals are drawn.
        folder: made if absent.
        top: positions of each module in the data, None for all.
        animation: also write a moving picture of this format.
        fps: frames per second of the animation.
        format: of the pictures.
        theme: of the pictures.
        on_progress: called with what is done next.

    Raises:
        ValueError: If there is no such module or position.
        OSError: If a file cannot be written.
    """
    say = on_progress or (lambda _: None)
    colours = THEMES[theme]
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(explained.to_dict(top=top), ensure_ascii=False, indent=1)
    write_atomically(folder / DATA_FILE, (content + "\n").encode())
    say("drawing")
    draw_proposals(explained, place, folder / f"proposals.{format}", theme=colours)
    draw_change(explained, folder / f"change.{format}", theme=colours)
    if len(explained.modules) > 1:
        draw_modules(explained, place, folder / f"modules.{format}", theme=colours)
    if animation:
        say("animating")
        animate(explained, place, folder / f"animation.{animation}", fps=fps, theme=colours)
