"""Print the events of a camera, a network stream or a long video as they happen, as JSON lines.

Ctrl-C ends it after the events so far. The status is then 0 for a source without an end of its own
(camera, address, pipe), and 130 for a file, which was not read to its end.
"""

import argparse

from motionlens._utils.errors import first_three
from motionlens.cli import _arguments as shared
from motionlens.cli._streaming import add_stream_options, watch_source
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.watch import watch
from motionlens.inference.streaming.windows import WindowStream
from motionlens.video.source import Source, is_endless


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser)
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="one video file, named pipe, or rtsp://... and such",
    )
    parser.add_argument("--camera", help="number of a camera, 0 is the first, or its device file")
    shared.add_options(parser, WindowStream, "batch_size", "real_time", "folder_fps")
    add_stream_options(parser)
    shared.add_options(parser, watch, "top")
    shared.add_options(parser, Recognizer.from_pretrained)


def run(args: argparse.Namespace) -> int:
    """Watch one source; return 0, or 130 if Ctrl-C ended a file early."""
    source = _source(args)
    recognizer = shared.call(Recognizer.from_pretrained, args, source=args.run)
    ended_by = watch_source(recognizer, source, args)
    return 128 + ended_by if ended_by and not is_endless(source) else 0


def _source(args: argparse.Namespace) -> Source:
    sources: list[str] = args.sources
    if args.run is not None or args.camera is not None:
        args.run, sources = shared.split_run(args.run, sources)
    if len(sources) > 1:
        raise ValueError(
            f"watch takes one source, got {len(sources)}: {first_three(sources)}; run it once for "
            "each, or give files to 'motionlens predict --stream'"
        )
    if not sources and args.run is not None:
        shared.check_recognizer(args.run, "motionlens watch [RUN] FILE")
    if len(sources) + (args.camera is not None) != 1:
        raise ValueError(
            "one source must be given: motionlens watch [RUN] FILE, an address in FILE's place, "
            "or --camera 0"
        )
    if args.camera is None:
        return sources[0]
    return int(args.camera) if args.camera.isdecimal() else str(args.camera)
