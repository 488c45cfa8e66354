"""TensorBoard's event files where they cannot be written."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motionlens._utils.files import naming


@contextmanager
def writing_events(folder: Path) -> Iterator[None]:
    """Name the folder of event files in the error of a full disk, and print no traceback.

    TensorBoard writes in a thread of its own. Where that fails it prints a traceback there, and
    raises an error that names no file at the next thing to be written.

    Raises:
        OSError: Whatever the block raises, with the folder if it names no file.
    """
    before = threading.excepthook

    def show(found: threading.ExceptHookArgs) -> None:
        is_events = type(found.thread).__module__.startswith("tensorboard.")
        if not (is_events and isinstance(found.exc_value, OSError)):
            before(found)

    threading.excepthook = show
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        with naming(folder):
            raise
    finally:
        threading.excepthook = before
