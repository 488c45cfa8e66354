"""The command ``motionlens``: finds the command's module, runs it, and turns errors into one line.

A command is a module in this package with ``add_arguments(parser)`` and ``run(args) -> int``; it is
imported when it is chosen, so that ``motionlens --help`` does not wait for PyTorch. A module may have
``parse(parser, argv)`` to see the arguments before they are parsed.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, TextIO

from motionlens._utils.errors import nearest, one_line, parser_message
from motionlens._utils.version import __version__

# Command: (module, what it does). Shown by --help in this order.
COMMANDS = {
    "toy": ("motionlens.cli.toy", "train on moving shapes drawn in memory; needs no data"),
    "motion": ("motionlens.cli.motion", "write generated videos that only motion tells apart"),
    "prepare": ("motionlens.cli.prepare", "check a copy of a data set and write an index of it"),
    "train": ("motionlens.cli.train", "train a recognizer on folders or lists of videos"),
    "evaluate": ("motionlens.cli.evaluate", "accuracy, confusion and a report on labelled videos"),
    "compare": ("motionlens.cli.compare", "put evaluated runs side by side"),
    "predict": ("motionlens.cli.predict", "recognize what videos show"),
    "explain": ("motionlens.cli.explain", "show what a network matched with what in videos"),
    "watch": (
        "motionlens.cli.watch",
        "say what a camera, a stream or a long video shows, as it runs",
    ),
    "embed": (
        "motionlens.cli.embed",
        "write what a network sees in videos, for search and clustering",
    ),
    "serve": (
        "motionlens.cli.serve",
        "show on a page what videos are and what was matched in them",
    ),
    "export": (
        "motionlens.cli.export",
        "write a run to one ONNX or torch.export file, and check it",
    ),
    "convert": ("motionlens.cli.convert", "turn the authors' TensorFlow weights into a recognizer"),
    "reproduce": ("motionlens.cli.reproduce", "reproduce a table or figure of the poster"),
    "bench": ("motionlens.cli.bench", "measure speed and memory on this machine"),
    "info": ("motionlens.cli.info", "list the models, or describe one or a run"),
}

EXIT_OK, EXIT_SOME_FAILED, EXIT_ERROR, EXIT_INTERRUPTED = 0, 1, 2, 130
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1


class UsageError(ValueError):
    """The command line cannot be understood."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``motionlens`` with the given arguments, ``sys.argv``'s if None, and return its exit status.

    Returns:
        0 if all went well, 1 if some of several inputs failed, 2 after an error (one line on
        standard error says which), 130 if interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # TensorFlow, which tensorboard imports where it is installed, has nothing to say to our users.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.filterwarnings("default", module="motionlens")
        try:
            return _dispatch(arguments)
        except KeyboardInterrupt:
            print("motionlens: interrupted", file=sys.stderr)
            return EXIT_INTERRUPTED
        except BrokenPipeError:
            # The reader has left (`motionlens ... | head`); Python would complain again on exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BROKEN_PIPE
        except Exception as error:
            if debug:
                traceback.print_exc()
            print(f"motionlens: error: {_describe(error)}", file=sys.stderr)
            return EXIT_ERROR


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
        raise UsageError(
            f"unknown {what} {name!r}{nearest(name, COMMANDS)}; 'motionlens --help' lists all commands"
        )
    return _run_command(name, rest)


def _run_command(name: str, arguments: list[str]) -> int:
    from jsonargparse import ArgumentError, ArgumentParser

    module: Any = importlib.import_module(COMMANDS[name][0])
    parser = ArgumentParser(
        prog=f"motionlens {name}",
        description=module.__doc__,
        epilog="--debug shows where an error comes from.",
        exit_on_error=False,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    arguments = [_underscored(word) for word in arguments]
    try:
        if hasattr(module, "parse"):
            args = module.parse(parser, arguments)
        else:
            args = parser.parse_args(arguments)
    except SystemExit as leave:  # after --help
        return int(leave.code or EXIT_OK)
    except ArgumentError as error:
        raise UsageError(_usage_message(error, parser, name)) from None
    status: int = module.run(args)
    sys.stdout.flush()
    return status


def _underscored(word: str) -> str:
    """``--num-classes=3`` is ``--num_classes=3``: options are found in either spelling."""
    option, equals, value = word.partition("=")
    if not option.startswith("--"):
        return word
    return f"--{option[2:].replace('-', '_')}{equals}{value}"


def _usage_message(error: Exception, parser: Any, name: str) -> str:
    text = parser_message(error)
    unknown = re.match(r"unrecognized arguments: (--[^\s=]+)", text, flags=re.IGNORECASE)
    if unknown:
        options = set(re.findall(r"--[a-z][\w.-]*", parser.format_help()))
        option = unknown.group(1)
        text = f"unknown option {option}{nearest(option, options)}"
    return f"{text}; 'motionlens {name} --help' lists all options"


def _describe(error: Exception) -> str:
    text = one_line(error)
    if isinstance(error, (ValueError, OSError, ImportError)):
        return text
    return f"unexpected {type(error).__name__}: {text}; --debug shows where it comes from"


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line; the place in the code is of no use to whoever types commands."""
    print(f"motionlens: warning: {' '.join(str(message).split())}", file=file or sys.stderr)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [
        "usage: motionlens COMMAND ... [--debug]",
        "",
        "Recognition of motion in video, learned from correspondence proposals.",
        "",
        "commands:",
        *(f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()),
        "",
        "'motionlens COMMAND --help' describes a command, 'motionlens --version' prints the version.",
    ]
    return "\n".join(lines)
