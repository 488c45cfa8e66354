"""Arguments and output that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens._utils.tables import Output
from motionlens.datasets.source import ListingConfig
from motionlens.pretrained import NAME

if TYPE_CHECKING:
    import torch

    from motionlens.inference.recognizer import Recognizer

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


# Where commands print their tables.
output = Output


def add_device(parser: Any) -> None:
    """Add ``--device``."""
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda", "mps"],
        default="auto",
        help="where to run; auto takes an accelerator if there is one",
    )


def add_run(parser: Any, *, optional: bool = True) -> None:
    """Add ``run``, the recognizer; :func:`split_run` says what it is where it may be left out."""
    parser.add_argument(
        "run",
        nargs="?" if optional else None,
        help="run folder, exported .onnx file, or a model on the Hugging Face hub"
        + ("; the recognizer that comes with motionlens if left out" if optional else ""),
    )


def split_run(run: str | None, files: Sequence[str]) -> tuple[str, list[str]]:
    """The recognizer, and the files, of which the first may have been taken for it.

    Args:
        run: first word of the command line, None if there is none.
        files: the words behind it.

    Returns:
        The recognizer's name; if none is given that of the one which comes with the package, of
        which the user is told.
    """
    from motionlens._utils.launch import is_first_process

    words = [*([] if run is None else [run]), *files]
    if words and not _is_data(words[0]):
        return words[0], words[1:]
    if is_first_process():
        print("motionlens: no run is given; taking the bundled recognizer", file=sys.stderr)
    return NAME, words


def _is_data(word: str) -> bool:
    """Whether a word means videos rather than a recognizer."""
    from motionlens.inference.checkpoint import CARD_FILE
    from motionlens.inference.onnx_network import is_onnx
    from motionlens.video.find import VIDEO_SUFFIXES, find_videos, is_video

    path = Path(word)
    if path.is_dir():
        return not (path / CARD_FILE).is_file() and (is_video(path) or bool(find_videos(path)))
    if "://" in word or path.suffix.lower() in VIDEO_SUFFIXES:
        return True
    return path.exists() and not is_onnx(word)


def add_k(parser: Any) -> None:
    """Add ``--k``."""
    parser.add_argument("--k", type=int, help="proposals per position, instead of the model's own")


def add_dtype(parser: Any) -> None:
    """Add ``--dtype``."""
    parser.add_argument(
        "--dtype",
        choices=list(DTYPES),
        default="fp32",
        help="of the network: bf16 is faster on processors that have it, and rounds",
    )


def torch_dtype(name: str) -> torch.dtype | None:
    """What ``--dtype`` stands for; None for float32, the default of the functions."""
    import torch

    return None if name == "fp32" else getattr(torch, DTYPES[name])


def load_recognizer(args: Any) -> Recognizer:
    """The recognizer that ``run``, ``--device``, ``--k`` and ``--dtype`` ask for."""
    from motionlens.inference.recognizer import Recognizer

    dtype = torch_dtype(args.dtype)
    return Recognizer.from_pretrained(args.run, device=args.device, k=args.k, dtype=dtype)


def add_batch_size(parser: Any, default: int) -> None:
    """Add ``--batch_size``."""
    parser.add_argument("--batch_size", type=int, default=default, help="clips at once")


def add_views(parser: Any) -> None:
    """Add ``--views``."""
    parser.add_argument(
        "--views",
        default="1x1",
        metavar="CLIPSxCROPS",
        help="clips of each video, and crops of each clip: 1, 3, 5, 6, 8, 10 or full; their "
        "mean counts",
    )


def add_listing(parser: Any) -> None:
    """Add ``--listing.*``: how videos and labels are found."""
    parser.add_argument("--listing.root", help="what relative paths in a list are relative to")
    parser.add_argument("--listing.separator", help="between the columns of a list")
    parser.add_argument("--listing.pattern", help="makes paths, such as 'videos/{}.mp4'")


def given_listing(args: Any, base: ListingConfig | None) -> ListingConfig | None:
    """``base`` with the ``--listing`` options that were given; None if there is nothing to say."""
    from dataclasses import replace

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
