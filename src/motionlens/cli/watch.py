"""Say what a camera, a network stream or a long video shows, while it runs: a JSON line an event.

Ctrl-C ends it with what was found so far: with status 0 of a source that has no end of its own
(camera, address, pipe), with 130 of a file, which was not seen to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motionlens.cli._arguments import (
    add_batch_size,
    add_device,
    add_dtype,
    add_k,
    add_run,
    load_recognizer,
    split_run,
)
from motionlens.cli._streaming import Follower, add_stream_arguments, stopping_on_signals, summary

if TYPE_CHECKING:
    from motionlens.video.source import Source


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    add_run(parser)
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE", help="video file, named pipe, or rtsp://... and such"
    )
    parser.add_argument("--camera", help="number of a camera, 0 is the first, or its device file")
    parser.add_argument(
        "--real_time",
        action="store_true",
        help="play a file at its own speed, and drop frames rather than fall behind, as live",
    )
    add_stream_arguments(parser)
    parser.add_argument("--top", type=int, default=3, help="labels on the line of a window")
    add_batch_size(parser, 8)
    add_k(parser)
    add_dtype(parser)
    add_device(parser)


def run(args: Any) -> int:
    """Follow one source; return 0, or 130 if a file was broken off by Ctrl-C."""
    from motionlens.video.source import is_endless

    source = _source(args)
    follower = Follower(load_recognizer(args), args)
    follower.check_source(source)
    stream = follower.open(source, real_time=args.real_time)
    with stopping_on_signals(stream) as seen:
        num_events = follower.follow(stream)
    summary(stream, num_events)
    return 128 + seen[0] if seen and not is_endless(source) else 0


def _source(args: Any) -> Source:
    sources: list[str] = [] if args.source is None else [args.source]
    if args.run is not None or args.camera is not None:
        args.run, sources = split_run(args.run, sources)
    if len(sources) + (args.camera is not None) != 1:
        raise ValueError(
            "one source must be given: a file or an address behind the run, or --camera 0"
        )
    if args.camera is None:
        return sources[0]
    return int(args.camera) if args.camera.isdecimal() else str(args.camera)
