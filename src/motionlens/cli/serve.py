"""Serve a page on which clips are recognized and show what was matched, and its HTTP interface."""

import argparse
from functools import partial

from motionlens.cli import _arguments as shared
from motionlens.serving.config import ServingConfig
from motionlens.serving.server import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser)
    parser.add_argument("--host", help="address to listen on; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, help="to listen on; 0 takes a free one")
    parser.add_argument("--max_upload_mb", type=float, help="largest upload, 10^6 bytes")
    parser.add_argument(
        "--max_megapixels", type=float, help="largest frames of a video, 10^6 pixels"
    )
    parser.add_argument("--max_batch", type=int, help="most clips in a batch")
    parser.add_argument(
        "--max_wait_ms", type=float, help="how long a clip waits for others, milliseconds"
    )
    parser.add_argument(
        "--max_waiting", type=int, help="most uploads at a time; others are refused"
    )
    parser.add_argument("--decode_threads", type=int, help="threads that decode videos")
    shared.add_k(parser)
    shared.add_device(parser)
    for function in (serve, ServingConfig):
        shared.use_defaults(parser, function)
    parser.set_defaults(decode_threads=ServingConfig().decode_threads)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; return 0."""
    run, _ = shared.split_run(args.run, [])
    config = shared.call(ServingConfig, args)
    shared.call(serve, args, source=run, config=config, say=partial(print, flush=True))
    return 0
