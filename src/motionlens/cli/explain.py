"""Show what a recognizer matched with what in videos: data and pictures."""

import argparse
import sys

from motionlens._utils.errors import json_line, printable
from motionlens._utils.numbers import figure, percent
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.explain.drawing.overview import Place
from motionlens.explain.explanation import Explanation
from motionlens.inference.explanation_files import explain_videos
from motionlens.inference.recognizer import Recognizer

# Positions of each module in the table.
_LISTED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser)
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="videos, folders with one picture per frame, or folders with videos inside",
    )
    shared.add_options(parser, explain_videos, "out", out={"default": "runs/explain"})
    position = {"type": _position, "metavar": "FRAME,ROW,COLUMN"}
    shared.add_options(parser, explain_videos, position=position)
    parser.add_argument("--json", action="store_true", help="print the data and write nothing")
    shared.add_options(parser, Recognizer.from_pretrained, "device", "seconds")


def _position(text: str) -> tuple[int, int, int]:
    try:
        frame, row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be FRAME,ROW,COLUMN such as 3,5,2, got {text!r}"
        ) from None
    return frame, row, column


def run(args: argparse.Namespace) -> int:
    """Explain; return 0 if all went well, 1 if some files could not be read, 2 if none could."""
    shared.split_run_and_files("explain", args)
    failures = shared.Failures()
    num_done = 0
    for explained, place in shared.call(
        explain_videos,
        args,
        recognizer=shared.call(Recognizer.from_pretrained, args, source=args.run, k=None),
        videos=args.files,
        out=None if args.json else args.out,
        on_error=failures,
        on_progress=_show_progress if sys.stderr.isatty() else None,
    ):
        num_done += 1
        if args.json:
            content = explained.to_dict(top=args.top or None)
            print(json_line(content), flush=True)
        else:
            _print_table(explained, place)
    if num_done and not args.json:
        print(f"\nData and pictures are in {args.out}")
    return failures.status(num_done)


def _show_progress(text: str) -> None:
    """Show what is done next on one line of the terminal; an empty text clears it."""
    print(f"\r\x1b[K{printable(text)}", end="", file=sys.stderr, flush=True)


def _print_table(explained: Explanation, place: Place) -> None:
    """Print label and modules of a video, and the positions that were changed most."""
    headings = (
        *("module", "grid", "k", "position (frame, row, column)", "change"),
        "kept proposals: frame, row, column (channels won)",
    )
    rows = []
    for name, matched in explained.modules.items():
        places = [at[:3] for at in explained.ranked(name, _LISTED)]
        if name == place.module and place[1:] not in places:
            places.append(place[1:])
        about = (name, "x".join(map(str, matched.grid)), str(matched.k))
        for at in places:
            values = explained.position(name, *at)
            kept = sorted(values["proposals"], key=lambda proposal: -proposal["wins"])
            matches = [
                f"{p['frame']},{p['row']},{p['column']} ({p['wins']}/{matched.channels})"
                for p in kept
                if p["wins"]
            ]
            position = ",".join(map(str, at))
            rows.append((*about, position, figure(values["change"]), "  ".join(matches) or "none"))
            about = ("", "", "")
    found = explained.prediction
    title = f"{explained.path}: {found.label} {percent(found.probabilities[0])}"
    Output().print(console_table(headings, rows, title=title, left=range(len(headings))))
