"""Write the features that a network computes of videos: for search and clustering."""

import argparse

from motionlens._utils.progress import progress
from motionlens.cli import _arguments as shared
from motionlens.inference.embedding import embed_videos
from motionlens.inference.recognizer import Recognizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="videos, or folders with all videos inside"
    )
    shared.add_options(parser, embed_videos, "out")
    shared.add_options(parser, embed_videos)
    shared.add_options(parser, Recognizer.from_pretrained)
    shared.add_listing(parser)


def run(args: argparse.Namespace) -> int:
    """Embed; return 0 if all went well, 1 if some videos could not be read, 2 if none could."""
    if args.data:
        args.run, args.files = shared.split_run(args.run, args.files)
    else:
        shared.split_run_and_files("embed", args)
    failures = shared.Failures()
    with progress("videos") as show:
        written, num_videos = shared.call(
            embed_videos,
            args,
            recognizer=shared.call(Recognizer.from_pretrained, args, source=args.run),
            videos=args.files,
            listing=shared.given_listing(args, None),
            on_broken=failures,
            on_progress=show,
        )
    if written:
        files = " and ".join(str(path) for path in written)
        print(f"{files}: {num_videos} {'video' if num_videos == 1 else 'videos'}")
    return failures.status(num_videos)
