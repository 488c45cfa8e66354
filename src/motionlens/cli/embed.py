"""Write what a network sees in videos, before it names a label: for search and clustering."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens._utils.files import check_writable
from motionlens.cli._arguments import (
    add_batch_size,
    add_device,
    add_dtype,
    add_k,
    add_listing,
    add_run,
    add_views,
    given_listing,
    load_recognizer,
    output,
    show_progress,
    split_run,
)

if TYPE_CHECKING:
    from motionlens.clips.video_index import VideoIndex


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    add_run(parser)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="videos, or folders with all videos inside"
    )
    parser.add_argument(
        "--data", help="instead of files: prepared data set, folder of class folders or list file"
    )
    parser.add_argument(
        "--split",
        choices=["train", "validation", "test", "all"],
        help="part of the data; by default the validation part where it has one, else everything",
    )
    parser.add_argument(
        "--out",
        required=True,
        help="features.npy, with features.csv beside it, or features.parquet",
    )
    add_views(parser)
    add_batch_size(parser, 16)
    parser.add_argument("--num_workers", type=int, help="processes that decode")
    add_k(parser)
    add_dtype(parser)
    add_device(parser)
    add_listing(parser)


def run(args: Any) -> int:
    """Embed; return 0 if all went well, 1 if some videos could not be read, 2 if none could."""
    from motionlens._utils.distributed import is_main
    from motionlens.inference.embedding import embed_videos
    from motionlens.inference.feature_files import check_suffix

    args.run, args.files = split_run(args.run, args.files)
    check_suffix(args.out)
    folder = Path(args.out).absolute().parent
    if not folder.is_dir():
        raise ValueError(f"out must be in a folder that exists, {args.out} is not; make it")
    check_writable(folder)
    recognizer = load_recognizer(args)
    failed: list[str] = []

    def report_broken(path: str, reason: str) -> None:
        failed.append(path)
        if is_main():
            print(f"motionlens: error: {reason}", file=sys.stderr)

    index = _index(args, report_broken)
    if not len(index):
        return 2
    result = embed_videos(
        recognizer,
        index,
        args.out,
        views=args.views,
        batch_size=args.batch_size,
        num_workers=args.num_workers,
        on_broken=report_broken,
        on_progress=show_progress if sys.stderr.isatty() else None,
    )
    if result.num_videos and is_main():
        files = " and ".join(str(path) for path in result.files)
        output().print(f"{result.num_videos} videos are in {files}", soft_wrap=True)
    if not result.num_videos:
        return 2
    return 1 if failed or result.broken else 0


def _index(args: Any, report_broken: Any) -> VideoIndex:
    from motionlens.cli._videos import expand
    from motionlens.clips.video_index import VideoIndex
    from motionlens.datasets.parts import open_evaluated

    if bool(args.files) == bool(args.data):
        raise ValueError("files or --data must be given, not both; name what is to be embedded")
    if args.data:
        return open_evaluated(None, args.data, args.split, given_listing(args, None))
    return VideoIndex.of_paths(expand(args.files, report_broken))
