"""Serve a page on which clips are recognized and show what was matched, and its HTTP interface."""

import argparse
from functools import partial

from motionlens.cli import _arguments as shared
from motionlens.serving.config import ServingConfig
from motionlens.serving.server import serve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    shared.add_run(parser)
    shared.add_options(parser, serve)
    limits = ServingConfig()
    shared.add_options(parser, ServingConfig, decode_threads={"default": limits.decode_threads})


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; return 0."""
    if args.run is not None and shared.is_data(args.run):
        raise ValueError(
            f"run must name a recognizer, {args.run} holds videos; upload those on the page"
        )
    run, _ = shared.split_run(args.run, [])
    config = shared.call(ServingConfig, args)
    shared.call(serve, args, source=run, config=config, say=partial(print, flush=True))
    return 0
