"""What a fuzz target is."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple


def nothing_is_wrong(_: Path) -> list[str]:
    """No fault."""
    return []


class Target(NamedTuple):
    """Inputs of one kind, and what takes them.

    Attributes:
        seed: writes good inputs into a folder, once.
        make: writes an input into a folder, made of good ones as chance will have it.
        use: takes it, and checks the answer by ``assert``.
        refusals: what ``use`` may raise. The message must name the input, or something in it.
        finish: called with the folder of good inputs at the end; says what is wrong by then.
        about: what a refusal may begin with where it names an option, or a clip, and no file.
        is_client: ``use`` connects to a server that ``seed`` started.
    """

    seed: Callable[[Path], None]
    make: Callable[[Random, Path, Path], None]
    use: Callable[[Random, Path], None]
    refusals: type[Exception] = ValueError
    finish: Callable[[Path], list[str]] = nothing_is_wrong
    is_client: bool = False
    about: tuple[str, ...] = ()


def contents(folder: Path) -> list[bytes]:
    """The content of every file in a folder, in the order of their names."""
    return [path.read_bytes() for path in sorted(folder.iterdir())]
