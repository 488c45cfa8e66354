"""Options that several commands share, and how they reach the functions that do the work."""

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

import torch

from motionlens._utils.distributed import is_main
from motionlens.datasets.source import ListingConfig, Split
from motionlens.inference.checkpoint import CARD_FILE
from motionlens.inference.onnx_network import is_onnx
from motionlens.pretrained import NAME
from motionlens.video.find import VIDEO_SUFFIXES, find_videos, is_video

R = TypeVar("R")

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def use_defaults(parser: argparse.ArgumentParser, function: Callable[..., Any]) -> None:
    """Give each option the default of the function's keyword-only argument of the same name."""
    arguments = inspect.signature(function).parameters.values()
    options = [each for each in arguments if each.kind is each.KEYWORD_ONLY]
    parser.set_defaults(**{each.name: each.default for each in options
                           if each.default is not each.empty})  # fmt: skip


def call(function: Callable[..., R], args: argparse.Namespace, **others: Any) -> R:
    """Call a function with the options that have the names of its arguments, and with others."""
    names = inspect.signature(function).parameters
    options = {name: value for name, value in vars(args).items() if name in names}
    return function(**options | others)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda", "mps"],
        default="auto",
        help="where to run; auto takes an accelerator if there is one",
    )


def add_run(parser: argparse.ArgumentParser, *, optional: bool = True) -> None:
    """Add ``run``, the recognizer; see :func:`split_run` if it is optional."""
    parser.add_argument(
        "run",
        nargs="?" if optional else None,
        help="run folder, exported .onnx file, or a model on the Hugging Face hub"
        + ("; the recognizer that comes with motionlens if left out" if optional else ""),
    )


def split_run(run: str | None, files: Sequence[str]) -> tuple[str, list[str]]:
    """Tell the recognizer from the files, the first of which may stand in its place.

    Args:
        run: first word of the command line, None if there is none.
        files: the other words.

    Returns:
        Name of the recognizer, and the files. If no recognizer is given, its name is that of the
        bundled one, and a line on standard error says so.
    """
    words = [*([] if run is None else [run]), *files]
    if words and not _is_data(words[0]):
        return words[0], words[1:]
    if is_main():
        print("motionlens: no run is given; taking the bundled recognizer", file=sys.stderr)
    return NAME, words


def _is_data(word: str) -> bool:
    """Whether a word means videos rather than a recognizer."""
    path = Path(word)
    if path.is_dir():
        return not (path / CARD_FILE).is_file() and (is_video(path) or bool(find_videos(path)))
    if "://" in word or path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    return path.exists() and not is_onnx(word)


def add_k(parser: argparse.ArgumentParser) -> None:
    """Add ``--k``."""
    parser.add_argument("--k", type=int, help="proposals per position, instead of the model's own")


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """Add ``--dtype``; None stands for float32."""
    parser.add_argument(
        "--dtype",
        type=_dtype,
        metavar=f"{{{','.join(DTYPES)}}}",
        help="of the network, fp32 by default; bf16 is faster on processors that have it, and "
        "rounds",
    )


def _dtype(name: str) -> torch.dtype | None:
    if name not in DTYPES:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(DTYPES)}, got {name}")
    return None if name == "fp32" else DTYPES[name]


def add_batch_size(parser: argparse.ArgumentParser) -> None:
    """Add ``--batch_size``."""
    parser.add_argument("--batch_size", type=int, help="clips at once")


def add_num_workers(parser: argparse.ArgumentParser) -> None:
    """Add ``--num_workers``."""
    parser.add_argument(
        "--num_workers",
        type=int,
        help="processes that decode; by default none for fewer than 16 videos, else one per core",
    )


def add_views(parser: argparse.ArgumentParser) -> None:
    """Add ``--views``."""
    parser.add_argument(
        "--views",
        metavar="CLIPSxCROPS",
        help="clips of each video, and crops of each clip: 1, 3, 5, 6, 8, 10 or full; the result "
        "is their mean",
    )


def add_split(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--split``; its help names the default."""
    parser.add_argument(
        "--split", choices=get_args(Split), help=f"part of the data; by default {default}"
    )


def add_listing(parser: argparse.ArgumentParser) -> None:
    """Add ``--listing.*``: how videos and labels are found."""
    parser.add_argument(
        "--listing.root", help="folder that relative paths in a list are relative to"
    )
    parser.add_argument("--listing.separator", help="between the columns of a list")
    parser.add_argument("--listing.pattern", help="makes paths, such as 'videos/{}.mp4'")


def given_listing(args: argparse.Namespace, base: ListingConfig | None) -> ListingConfig | None:
    """``base`` with the ``--listing`` options that were given; None if none was."""
    given = {
        name.removeprefix("listing."): value
        for name, value in vars(args).items()
        if name.startswith("listing.") and value is not None
    }
    return replace(base or ListingConfig(), **given) if given else None


def show_progress(done: int, total: int) -> None:
    """Count videos on one line of the terminal."""
    end = "\n" if done == total else ""
    print(f"\r{done}/{total} videos", end=end, file=sys.stderr, flush=True)


class Failures:
    """Prints why videos cannot be read, in the main process, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: str, reason: object) -> None:
        """Print one line on standard error."""
        self.count += 1
        if is_main():
            print(f"motionlens: error: {reason}", file=sys.stderr)

    def status(self, num_done: int) -> int:
        """0 if all went well, 1 if some videos could not be read, 2 if none could."""
        return (1 if num_done else 2) if self.count else 0
