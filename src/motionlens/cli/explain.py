"""Show what a recognizer matched with what in videos: data and pictures."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from motionlens.cli._arguments import add_device, add_run, output, split_run
from motionlens.cli._videos import expand

if TYPE_CHECKING:
    from motionlens.explain.drawing.overview import Place
    from motionlens.explain.explanation import Explanation

DATA_FILE = "explanation.json"
# Of several videos in one picture; more would be a long page.
_MOST_COMPARED = 8
_LISTED = 3


class _Explained(NamedTuple):
    video: str
    explanation: Explanation
    place: Place
    folder: Path


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    add_run(parser)
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="videos, folders with one picture a frame, or folders with videos inside",
    )
    parser.add_argument(
        "--out", default="runs/explain", help="folder for data and pictures, one inside for each"
    )
    parser.add_argument("--module", help="block name such as layer3.0; the last module by default")
    parser.add_argument(
        "--position",
        metavar="FRAME,ROW,COLUMN",
        help="on the module's grid, counted from 0; by default the one that it changed most",
    )
    parser.add_argument("--k", type=int, help="proposals per position, instead of the model's own")
    parser.add_argument(
        "--top", type=int, default=100, help="positions of each module in the data; 0 for all"
    )
    parser.add_argument("--animation", choices=["gif", "mp4"], help="write a moving picture too")
    parser.add_argument("--fps", type=float, default=2.0, help="of the animation")
    parser.add_argument(
        "--format", choices=["png", "webp", "svg", "pdf"], default="png", help="of pictures"
    )
    parser.add_argument("--theme", choices=["light", "dark"], default="light", help="of pictures")
    parser.add_argument("--json", action="store_true", help="print the data and write nothing")
    add_device(parser)


def run(args: Any) -> int:
    """Explain; return 0 if all went well, 1 if some files could not be read, 2 if none could."""
    from motionlens._utils.files import check_writable
    from motionlens.inference.recognizer import Recognizer
    from motionlens.video.frames import VideoError

    args.run, args.files = split_run(args.run, args.files)
    position = _position(args.position)
    if args.top < 0:
        raise ValueError(f"top must be at least 0, which is all, got {args.top}")
    if not args.fps > 0:
        raise ValueError(f"fps must be above 0, got {args.fps}")
    if not args.json:
        check_writable(args.out)
    if not args.files:
        raise ValueError(f"a FILE must be given behind the run {args.run}; name a video")
    recognizer = Recognizer.from_pretrained(args.run, device=args.device)
    failed: list[str] = []

    def report_broken(path: str, reason: str) -> None:
        failed.append(path)
        print(f"motionlens: error: {reason}", file=sys.stderr)

    videos = expand(args.files, report_broken)
    folders = _folders(Path(args.out), videos)
    found: list[_Explained] = []
    for video, folder in zip(videos, folders, strict=True):
        name = f"[{len(found) + len(failed) + 1}/{len(videos)}] {Path(video).name}"
        _progress(f"{name}: reading and matching")
        try:
            explained = recognizer.explain(video, k=args.k)
        except VideoError as error:
            _progress("")
            report_broken(video, str(error))
            continue
        place = _place(explained, args.module, position)
        found.append(_Explained(video, explained, place, folder))
        if not args.json:
            _write(found[-1], args, name)
        else:
            _progress("")
            content = explained.to_dict(top=args.top or None)
            print(json.dumps(content, ensure_ascii=False), flush=True)
    if found and not args.json:
        _finish(found, args)
    if failed:
        return 1 if found else 2
    return 0


def _position(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        frame, row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"position must be FRAME,ROW,COLUMN such as 3,5,2, got {text!r}") from None
    return frame, row, column


def _place(
    explained: Explanation, module: str | None, position: tuple[int, int, int] | None
) -> Place:
    from motionlens.explain.drawing.overview import Place, strongest_place

    place = strongest_place(explained, module)
    if position is not None:
        place = Place(place.module, *position)
        explained.match(*place)  # refuses what is not on the grid
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


def _write(found: _Explained, args: Any, name: str) -> None:
    from motionlens._utils.files import write_atomically
    from motionlens.explain.drawing.animation import animate
    from motionlens.explain.drawing.overview import draw_change, draw_modules, draw_proposals
    from motionlens.explain.drawing.themes import THEMES

    _, explained, place, folder = found
    theme = THEMES[args.theme]
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(explained.to_dict(top=args.top or None), ensure_ascii=False, indent=1)
    write_atomically(folder / DATA_FILE, (content + "\n").encode())
    _progress(f"{name}: drawing")
    draw_proposals(explained, place, folder / f"proposals.{args.format}", theme=theme)
    draw_change(explained, folder / f"change.{args.format}", theme=theme)
    if len(explained.modules) > 1:
        draw_modules(explained, place, folder / f"modules.{args.format}", theme=theme)
    if args.animation:
        _progress(f"{name}: animating")
        path = folder / f"animation.{args.animation}"
        animate(explained, place, path, fps=args.fps, theme=theme)
    _progress("")


def _finish(found: Sequence[_Explained], args: Any) -> None:
    from motionlens.explain.drawing.overview import draw_comparison
    from motionlens.explain.drawing.themes import THEMES

    if len(found) > 1:
        compared = [(each.explanation, each.place) for each in found[:_MOST_COMPARED]]
        path = Path(args.out, f"comparison.{args.format}")
        draw_comparison(compared, path, theme=THEMES[args.theme])
    console = output()
    for each in found:
        _print_tables(each)
    console.print(f"\nData and pictures are in {args.out}", soft_wrap=True)


def _print_tables(found: _Explained) -> None:
    """Label and modules of a video, and the positions that were changed most."""
    from rich.table import Table

    _, explained, place, _ = found
    prediction = explained.prediction
    table = Table(
        title=f"{found.video}: {prediction.label} {100 * prediction.probabilities[0]:.1f} %"
    )
    for heading in ("module", "grid", "k", "position (frame, row, column)", "change"):
        table.add_column(heading)
    table.add_column("kept proposals: frame, row, column (channels won)", overflow="fold")
    for name, matched in explained.modules.items():
        places = [at[:3] for at in explained.ranked(name, _LISTED)]
        if name == place.module and place[1:] not in places:
            places.append(place[1:])
        for number, at in enumerate(places):
            values = explained.position(name, *at)
            kept = sorted(values["proposals"], key=lambda proposal: -proposal["wins"])
            matches = [
                f"{p['frame']},{p['row']},{p['column']} ({p['wins']}/{matched.channels})"
                for p in kept
                if p["wins"]
            ]
            about = (name, "x".join(map(str, matched.grid)), str(matched.k))
            table.add_row(
                *(about if not number else ("", "", "")),
                ",".join(map(str, at)),
                f"{values['change']:.3g}",
                "  ".join(matches) or "none",
            )
    output().print(table)


def _progress(text: str) -> None:
    """What is being done, on one line of the terminal; an empty text clears it."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
