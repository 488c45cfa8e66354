"""Write the features that a network computes of videos: for search and clustering."""

import argparse
import sys

from motionlens.cli import _arguments as shared
from motionlens.inference.embedding import embed_videos
from motionlens.inference.recognizer import Recognizer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="videos, or folders with all videos inside"
    )
    parser.add_argument(
        "--data", help="instead of files: prepared data set, folder of class folders or list file"
    )
    shared.add_split(parser, "the validation part if there is one, else everything")
    parser.add_argument(
        "--out",
        required=True,
        help="features.npy, with features.csv beside it, or features.parquet",
    )
    shared.add_views(parser)
    shared.add_batch_size(parser)
    shared.add_num_workers(parser)
    shared.add_k(parser)
    shared.add_dtype(parser)
    shared.add_device(parser)
    shared.add_listing(parser)
    for function in (embed_videos, Recognizer.from_pretrained):
        shared.use_defaults(parser, function)


def run(args: argparse.Namespace) -> int:
    """Embed; return 0 if all went well, 1 if some videos could not be read, 2 if none could."""
    args.run, args.files = shared.split_run(args.run, args.files)
    failures = shared.Failures()
    written, num_videos = shared.call(
        embed_videos,
        args,
        recognizer=shared.call(Recognizer.from_pretrained, args, source=args.run),
        videos=args.files,
        listing=shared.given_listing(args, None),
        on_broken=failures,
        on_progress=shared.show_progress if sys.stderr.isatty() else None,
    )
    if written:
        files = " and ".join(str(path) for path in written)
        print(f"{num_videos} videos are in {files}")
    return failures.status(num_videos)
