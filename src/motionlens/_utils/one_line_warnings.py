"""Python's warnings as a command shows them: one line each, once, from whatever process."""

import hashlib
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from motionlens._utils.errors import printable, shortened

# Names a folder with an empty file for each warning that was shown. Processes that a command starts
# inherit the variable, in whichever way they are started.
_VARIABLE = "MOTIONLENS_SHOWN_WARNINGS"


@contextmanager
def warnings_on_one_line() -> Iterator[None]:
    """Within, here and in processes that are started meanwhile, a warning is one line, shown once.

    Those processes call :func:`join_one_line_warnings`; a fork needs nothing.
    """
    outer = os.environ.get(_VARIABLE)
    with warnings.catch_warnings():
        if outer is None:
            os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="motionlens_warnings_")
        try:
            join_one_line_warnings()
            yield
        finally:
            if outer is None:
                shutil.rmtree(os.environ.pop(_VARIABLE), ignore_errors=True)


def shown_folder() -> str | None:
    """What :func:`join_one_line_warnings` needs in a process that does not inherit variables."""
    return os.environ.get(_VARIABLE)


def join_one_line_warnings(folder: str | int | None = None) -> None:
    """Show warnings of this process as the command does that has started it, if one has.

    Args:
        folder: that of :func:`shown_folder`; a loader gives its worker's number instead.
    """
    if isinstance(folder, str):
        os.environ[_VARIABLE] = folder
    if _VARIABLE in os.environ:
        warnings.showwarning = _show
        warnings.filterwarnings("default", module="motionlens")
        # Pillow's word on pictures that are refused anyway.
        warnings.filterwarnings("ignore", message="Image size .* could be decompression bomb")


def _show(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning without the place in the code."""
    text = shortened(printable(" ".join(str(message).split())))
    if _is_first(text):
        print(f"motionlens: warning: {text}", file=sys.stderr, flush=True)


def _is_first(text: str) -> bool:
    """Whether no process has shown a warning before."""
    name = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    try:
        os.close(os.open(os.path.join(os.environ[_VARIABLE], name), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    except (OSError, KeyError):  # the command has ended, or the disk is full: rather twice than not
        return True
    return True
