"""Explanations of several videos, written to files."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from motionlens._utils.checks import check_at_least, check_number
from motionlens._utils.files import check_writable, utf8, write_atomically
from motionlens.explain.drawing.animation import animate
from motionlens.explain.drawing.overview import (
    Place,
    clearest_place,
    draw_change,
    draw_comparison,
    draw_modules,
    draw_proposals,
)
from motionlens.explain.drawing.themes import THEMES
from motionlens.explain.explanation import Explanation
from motionlens.inference.recognizer import OnError, Recognizer
from motionlens.video.find import expand_folders
from motionlens.video.frames import FOLDER_FPS, VideoError

DATA_FILE = "explanation.json"

# A picture that compares more videos would be a long page.
_MAX_COMPARED = 8


def explain_videos(
    recognizer: Recognizer,
    videos: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str] | None,
    *,
    k: int | None = None,
    module: str | None = None,
    position: tuple[int, int, int] | None = None,
    top: int = 100,
    animation: Literal["gif", "mp4"] | None = None,
    fps: float = 2.0,
    format: Literal["png", "webp", "svg", "pdf"] = "png",
    theme: Literal["light", "dark"] = "light",
    folder_fps: float = FOLDER_FPS,
    on_error: OnError | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Iterator[tuple[Explanation, Place]]:
    """Explain videos one by one, and write data and pictures of each.

    Args:
        recognizer: of a network with CP modules.
        videos: files and folders of videos.
        out: folder for data and pictures; several videos get one folder each inside it, and a
            picture that compares the first 8.
        k: proposals per position, instead of the model's own.
        module: block name of the module that is drawn, such as layer3.0; by default the last one.
        position: position that is drawn, on the module's grid, counted from 0; by default the one
            that was matched best.
        top: positions of each module in the data; 0 for all.
        animation: write a moving picture, too.
        fps: frames per second of the animation.
        format: format of the pictures.
        theme: colours of the pictures.
        folder_fps: frames per second of folders of pictures, which have none of their own.
        on_error: called with path and error for each video that cannot be decoded, which is then
            left out.
        on_progress: called with what is done next; with an empty text after each video.

    Yields:
        Each explanation with the position that is drawn, once its files are written.

    Raises:
        ValueError: If an argument is out of range, there is no such module or position, or ``out``
            cannot be written.
        VideoError: For a video that cannot be decoded, without ``on_error``.
        OSError: If writing a file fails.
    """
    check_at_least(0, top=top)
    check_number("fps", fps, above=0)
    if out is not None:
        check_writable(out)
    say = on_progress or (lambda _: None)
    colours = THEMES[theme]
    paths = expand_folders(videos, on_error)
    folders = _folders(Path(out), paths) if out is not None else []
    compared: list[tuple[Explanation, Place]] = []
    for number, path in enumerate(paths):
        name = f"[{number + 1}/{len(paths)}] {Path(path).name}"
        say(f"{name}: reading and matching")
        try:
            explained = recognizer.explain(path, k=k, folder_fps=folder_fps)
        except VideoError as error:
            say("")
            if on_error is None:
                raise
            on_error(path, error)
            continue
        place = _place(explained, module, position)
        if out is not None:
            folder = folders[number]
            folder.mkdir(parents=True, exist_ok=True)
            content = json.dumps(explained.to_dict(top=top or None), ensure_ascii=False, indent=1)
            write_atomically(folder / DATA_FILE, utf8(content + "\n"))
            say(f"{name}: drawing")
            draw_proposals(explained, place, folder / f"proposals.{format}", theme=colours)
            draw_change(explained, folder / f"change.{format}", theme=colours)
            if len(explained.modules) > 1:
                draw_modules(explained, place, folder / f"modules.{format}", theme=colours)
            if animation:
                say(f"{name}: animating")
                animate(explained, place, folder / f"animation.{animation}", fps=fps, theme=colours)
        say("")
        compared = [*compared, (explained, place)][:_MAX_COMPARED]
        yield explained, place
    if out is not None and len(compared) > 1:
        draw_comparison(compared, Path(out, f"comparison.{format}"), theme=colours)


def _place(
    explained: Explanation, module: str | None, position: tuple[int, int, int] | None
) -> Place:
    """The position to draw; checked, so that nothing is written for one that does not exist."""
    place = clearest_place(explained, module)
    if position is not None:
        place = Place(place.module, *position)
        explained.match(*place)
    return place


def _folders(out: Path, videos: Sequence[str]) -> list[Path]:
    """A folder for each video: ``out`` itself for one, else one by its name inside."""
    if len(videos) == 1:
        return [out]
    names: list[str] = []
    for video in videos:
        name = Path(video).stem or "video"
        number = 2
        while name in names:
            name = f"{Path(video).stem}-{number}"
            number += 1
        names.append(name)
    return [out / name for name in names]
