"""Options that several commands share, and how they reach the functions that do the work."""

import argparse
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import docstring_parser
import torch

from motionlens._utils.addresses import as_path, is_address
from motionlens._utils.devices import DEVICES
from motionlens._utils.distributed import is_main
from motionlens._utils.errors import printable
from motionlens.datasets.source import ListingConfig
from motionlens.inference.checkpoint import CARD_FILE
from motionlens.inference.onnx_network import is_onnx
from motionlens.pretrained import NAME, NAMES
from motionlens.video.find import VIDEO_SUFFIXES, find_videos, is_there, is_video
from motionlens.video.source import source_name

R = TypeVar("R")

_LISTS = (".csv", ".tsv", ".jsonl", ".json", ".txt")

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def add_options(
    parser: argparse.ArgumentParser,
    function: Callable[..., Any],
    *names: str,
    prefix: str = "",
    **special: Mapping[str, Any],
) -> None:
    """Make options of the parameters of a Python call, so that each is described once.

    The signature gives name, type, choices and default, the docstring the help.

    Args:
        parser: the parser that gets the options.
        function: a function, or a class whose docstring describes its parameters.
        *names: the parameters; all keyword-only ones if none is named. Those that no word of a
            command line can stand for, such as callables, are left out.
        prefix: what the names of the options begin with.
        **special: arguments of ``add_argument`` by parameter, in place of those that follow from
            the signature; ``option`` names the option.
    """
    typed = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    hints = get_type_hints(typed)
    described = docstring_parser.parse(inspect.getdoc(function) or "").params
    helps = {each.arg_name: each.description or "" for each in described}
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in names if names else parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        own = {**_SPECIAL.get(name, {}), **special.get(name, {})}
        settings = _settings(hints[name])
        if settings is None and not own:
            continue
        option = own.pop("option", prefix + name)
        help, default = _plain(helps.get(name, "")), parameter.default
        arguments = {"help": help, "default": default, **(settings or {}), **own}
        if arguments["default"] is parameter.empty:
            arguments |= {"default": None, "required": True}
        parser.add_argument(f"--{option}", **arguments)


def _settings(hint: Any) -> dict[str, Any] | None:
    """Arguments of ``add_argument`` for values of a type; None if no word can stand for them."""
    if hint is bool:
        return {"action": "store_true"}
    if hint in (str, int, float):
        return {"type": hint}
    origin, members = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"choices": members}
    if isinstance(origin or hint, type) and issubclass(origin or hint, os.PathLike):
        return {"type": str, "metavar": "PATH"}
    if origin in (Union, UnionType):
        found = [settings for member in members if (settings := _settings(member))]
        # Of `str | PathLike` the second says more.
        return found[-1] if found else None
    if origin in (Sequence, tuple) and members[1:] in ((), (...,)):
        item = _settings(members[0])
        return item and {**item, "nargs": "+"}
    return None


def _plain(text: str) -> str:
    """A parameter's description without marks of reStructuredText and without a full stop."""
    text = re.sub(r":\w+:`~?(?:\w+\.)*(\w+)`", r"\1", text).replace("`", "")
    return text.removesuffix(".").replace("%", "%%")


def call(function: Callable[..., R], args: argparse.Namespace, **others: Any) -> R:
    """Call a function with the options that have the names of its arguments, and with others."""
    names = inspect.signature(function).parameters
    options = {name: value for name, value in vars(args).items() if name in names}
    return function(**options | others)


def add_run(parser: argparse.ArgumentParser, *, optional: bool = True) -> None:
    """Add ``run``, the recognizer; see :func:`split_run` if it is optional."""
    parser.add_argument(
        "run",
        nargs="?" if optional else None,
        help="run folder, exported .onnx file, or a model on the Hugging Face hub"
        + ("; the recognizer that comes with motionlens if left out" if optional else ""),
    )


def split_run_and_files(command: str, args: argparse.Namespace) -> None:
    """Tell the recognizer from the files of a command that takes both: ``run`` and ``files``.

    Raises:
        ValueError: If no file is given, or an address in a file's place.
    """
    words = [*([] if args.run is None else [args.run]), *args.files]
    usage = f"motionlens {command} [RUN] FILE..."
    if hasattr(args, "data"):
        usage += f" or motionlens {command} RUN --data LIST"
    refuse_addresses(command, words)
    if listed := next((word for word in words if Path(word).suffix.lower() in _LISTS), None):
        raise ValueError(
            f"{command} takes videos, got the list {listed}; for the videos that a list names: "
            f"motionlens evaluate RUN --data {listed}"
        )
    if not words:
        raise ValueError(f"no video is given; usage: {usage}")
    alone = as_path(words[0])
    if len(words) == 1 and not alone.exists():
        if words[0].isdecimal():
            raise ValueError(
                f"{command} takes files, got the number {words[0]}; for a camera: "
                f"motionlens watch --camera {words[0]}"
            )
        if words[0].endswith(("/", os.sep)):
            raise ValueError(f"{words[0]} does not exist; usage: {usage}")
    args.run, args.files = split_run(args.run, args.files)
    if not args.files:
        check_recognizer(args.run, usage)
        raise ValueError(f"no video is given; usage: {usage}")


def refuse_addresses(command: str, words: Iterable[str]) -> None:
    """Send addresses of streams to the command that reads them.

    Raises:
        ValueError: If one of the words is an address of no store, or as_path refuses it.
    """
    addresses = (word for word in words if "://" in word)
    if address := next((word for word in addresses if not is_address(word)), None):
        raise ValueError(
            f"{command} takes files, got the address {source_name(address)}; for a stream: "
            f"motionlens watch {source_name(address)}"
        )
    for word in words:
        as_path(word)


def check_recognizer(word: str, usage: str) -> None:
    """Make sure that what is taken for a recognizer is no folder without one, nor nothing.

    Raises:
        ValueError: If it is.
    """
    folder = as_path(word)
    if not folder.exists() and word not in NAMES and "/" not in word:  # with it, perhaps on the hub
        raise ValueError(f"{word} does not exist; usage: {usage}")
    if folder.is_dir() and not (folder / CARD_FILE).is_file():
        raise ValueError(f"{folder} holds neither videos nor a recognizer; usage: {usage}")


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
    if words and not is_data(words[0]):
        return words[0], words[1:]
    if is_main():
        print("motionlens: no run is given; taking the bundled recognizer", file=sys.stderr)
    return NAME, words


def is_data(word: str) -> bool:
    """Whether a word means videos rather than a recognizer."""
    if "://" in word and not is_address(word):  # of a stream
        return True
    path = as_path(word)
    if path.suffix.lower() in VIDEO_SUFFIXES and not os.path.isdir(word):
        return True
    if path.is_dir() or is_address(word):
        if (path / CARD_FILE).is_file():
            return False
        return is_address(word) or is_video(path) or bool(find_videos(path))
    return is_there(path) and not is_onnx(word)


def _dtype(name: str) -> torch.dtype | None:
    if name not in DTYPES:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(DTYPES)}, got {name}")
    return None if name == "fp32" else DTYPES[name]


# What no signature says of options that several commands have.
_SPECIAL: dict[str, dict[str, Any]] = {
    "device": {"choices": DEVICES},
    "dtype": {"type": _dtype, "metavar": f"{{{','.join(DTYPES)}}}"},
    "views": {"metavar": "CLIPSxCROPS"},
}


def add_listing(parser: argparse.ArgumentParser) -> None:
    """Add ``--listing.*``: how videos and labels are found."""
    names = ("root", "separator", "pattern", "columns", "background", "fps")
    unset = {"default": None}
    add_options(parser, ListingConfig, *names, prefix="listing.", pattern=unset, fps=unset)


def given_listing(args: argparse.Namespace, base: ListingConfig | None) -> ListingConfig | None:
    """``base`` with the ``--listing`` options that were given; None if none was."""
    given = {
        name.removeprefix("listing."): value
        for name, value in vars(args).items()
        if name.startswith("listing.") and value is not None
    }
    return replace(base or ListingConfig(), **given) if given else None


class Failures:
    """Prints why videos cannot be read, in the main process, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: str, reason: object) -> None:
        """Print one line on standard error."""
        self.count += 1
        if is_main():
            print(f"motionlens: error: {printable(reason)}", file=sys.stderr)

    def status(self, num_done: int) -> int:
        """0 if all went well, 1 if some videos could not be read, 2 if none could."""
        return (1 if num_done else 2) if self.count else 0


def given_options(
    args: argparse.Namespace, add: Callable[[argparse.ArgumentParser], None]
) -> list[str]:
    """Names of the options that a function adds and that were given."""
    parser = argparse.ArgumentParser()
    add(parser)
    defaults = vars(parser.parse_args([]))
    return [name for name, default in defaults.items() if getattr(args, name) != default]
