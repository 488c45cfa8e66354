"""Find the command's module, run it, and turn errors into one line.

A command is a module of this package with ``add_arguments(parser)`` and ``run(args) -> int``. It is
imported only when it is chosen, so that ``motionlens --help`` does not wait for PyTorch. A module
with ``parse(arguments, about)`` makes its own parser.
"""

import argparse
import importlib
import io
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from motionlens._utils.errors import nearest, one_line
from motionlens._utils.files import naming
from motionlens._utils.one_line_warnings import warnings_on_one_line
from motionlens._utils.version import __version__

# Name of the module and what the command does; --help shows them in this order.
COMMANDS = {
    "toy": "train on moving shapes drawn in memory; needs no data",
    "motion": "write generated videos that only motion tells apart",
    "prepare": "check a copy of a data set and write an index of it",
    "train": "train a recognizer on folders or lists of videos",
    "evaluate": "accuracy, confusion and a report on labelled videos",
    "calibrate": "make a recognizer's probabilities worth trusting",
    "compare": "put evaluated runs side by side",
    "predict": "recognize what videos show",
    "explain": "show what a network matched with what in videos",
    "watch": "say what a camera, a stream or a long video shows, as it runs",
    "embed": "write what a network sees in videos, for search and clustering",
    "serve": "show on a page what videos are and what was matched in them",
    "export": "write a run to one ONNX or torch.export file, and check it",
    "convert": "turn the authors' TensorFlow weights into a recognizer",
    "reproduce": "reproduce a table or figure of the poster",
    "bench": "measure speed and memory on this machine",
    "info": "list the models, or describe one or a run",
}

EXIT_OK, EXIT_ERROR, EXIT_INTERRUPTED = 0, 2, 130
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    def _get_help_string(self, action: argparse.Action) -> str | None:
        """Name a default only where there is one."""
        if action.default in (None, False, "", ()):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """A parser of one command whose errors are exceptions."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        raise usage_error(message, self)


def usage_error(message: str, parser: argparse.ArgumentParser) -> ValueError:
    """The error of a parser in our own words, with the nearest option if one is unknown."""
    unknown = re.match(r"unrecognized arguments: (--[^\s=]+)", message, flags=re.IGNORECASE)
    if unknown:
        options = set(re.findall(r"--[a-z][\w.-]*", parser.format_help()))
        option = unknown.group(1)
        inner = next((o for o in sorted(options) if o.endswith(f".{option[2:]}")), None)
        near = f", did you mean {inner!r}?" if inner else nearest(option, options)
        message = f"unknown option {option}{near}"
    message = re.sub(
        r"^unrecognized arguments: (?!--)", "unexpected argument: ", message, flags=re.IGNORECASE
    )
    wrong = re.fullmatch(r"argument -*([\w./]+): invalid (\w+) value: '(.*)'", message)
    if wrong:
        name, kind, value = wrong.groups()
        wanted = {"int": "a whole number", "float": "a number"}.get(kind, kind)
        message = f"{name} must be {wanted}, got {value}"
    message = re.sub(r"^argument -*([\w./]+): must ", r"\1 must ", message)
    return ValueError(f"{message}; '{parser.prog} --help' lists all options")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments, by default those of ``sys.argv``.

    Returns:
        0 if all went well, 1 if some of several inputs failed, 2 after an error (one line on
        standard error says which), 130 if interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # TensorBoard imports TensorFlow where it is installed: silence its notices.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stdout is None:  # closed, as by >&-
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        # Names of files need not be text in the terminal's encoding.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    with _ended_properly(), warnings_on_one_line():
        try:
            with _limits_of(arguments):
                status = _dispatch(arguments)
                sys.stdout.flush()
                return status
        except KeyboardInterrupt:
            print("motionlens: interrupted", file=sys.stderr)
            return EXIT_INTERRUPTED
        except BrokenPipeError:
            # The reader has left (`motionlens ... | head`).
            _drop_output()
            return EXIT_BROKEN_PIPE
        except Exception as error:
            if isinstance(error, OSError) and not error.filename:
                error = _output_error() or error
            if debug:
                traceback.print_exc()
            print(f"motionlens: error: {_describe(error)}", file=sys.stderr)
            return EXIT_ERROR


def _output_error() -> OSError | None:
    """Why standard output cannot be written, which the error of a full disk does not name."""
    try:
        with naming(Path("standard output")):
            sys.stdout.flush()
    except OSError as error:
        _drop_output()
        return error
    return None


def _drop_output() -> None:
    """Let what is left to print go nowhere: Python would complain again on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _ended_properly() -> Iterator[None]:
    """Let SIGTERM end a command by way of everything that removes temporary files."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _limits_of(arguments: list[str]) -> Iterator[None]:
    """Take ``--limits NAME=VALUE,...``, which every command has, and set them for the command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [word.partition("=")[0] for word in arguments[:end]]
    if "--limits" not in options:
        yield
        return
    place = options.index("--limits")
    _, equals, value = arguments.pop(place).partition("=")
    if not equals and place == len(arguments):
        raise ValueError("--limits must be followed by NAME=VALUE,..., got nothing")
    from motionlens.video.limits import ENVIRONMENT, Limits, set_limits  # needs torch

    before = os.environ.get(ENVIRONMENT)
    set_limits(Limits.parse(value if equals else arguments.pop(place)))
    try:
        yield
    finally:
        set_limits(None)
        if before is not None:
            os.environ[ENVIRONMENT] = before


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return EXIT_OK if arguments else EXIT_ERROR
    name, rest = arguments[0], arguments[1:]
    if name == "--version":
        print(f"motionlens {__version__}")
        return EXIT_OK
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        raise ValueError(
            f"unknown {what} {name!r}{nearest(name, COMMANDS)}; "
            "'motionlens --help' lists all commands"
        )
    return _run_command(name, rest)


def _run_command(name: str, arguments: list[str]) -> int:
    module: Any = importlib.import_module(f"motionlens.cli.{name}")
    arguments = [_underscored(word) for word in arguments]
    about: dict[str, Any] = {
        "prog": f"motionlens {name}",
        "description": module.__doc__,
        "epilog": "--debug shows where an error comes from. --limits NAME=VALUE,... changes how "
        "much a video may ask for, such as max_megapixels=100.",
        "allow_abbrev": False,
    }
    try:
        if hasattr(module, "parse"):
            args = module.parse(arguments, about)
        else:
            parser = Parser(**about, formatter_class=_Help)
            module.add_arguments(parser)
            # Options may stand among the words, but then "--" loses its meaning.
            mixed = "--" not in arguments
            args = (parser.parse_intermixed_args if mixed else parser.parse_args)(arguments)
    except SystemExit as leave:  # after --help
        return int(leave.code or EXIT_OK)
    return int(module.run(args))


def _underscored(word: str) -> str:
    """``--num-classes=3`` is ``--num_classes=3``: options are found in either spelling."""
    option, equals, value = word.partition("=")
    if not option.startswith("--"):
        return word
    return f"--{option[2:].replace('-', '_')}{equals}{value}"


def _describe(error: Exception) -> str:
    text = one_line(error)
    if re.search(r"DataLoader worker .* (killed|exited)", text):
        return (
            "a process that decodes videos was killed, perhaps for its memory; take fewer with "
            f"num_workers ({text})"
        )
    if isinstance(error, (ValueError, OSError, ImportError)):
        return text
    return f"unexpected {type(error).__name__}: {text}; --debug shows where it comes from"


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [
        "usage: motionlens COMMAND ... [--debug]",
        "",
        "Recognition of motion in video, learned from correspondence proposals.",
        "",
        "commands:",
        *(f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()),
        "",
        "'motionlens COMMAND --help' describes a command, 'motionlens --version' prints the "
        "version.",
    ]
    return "\n".join(lines)
