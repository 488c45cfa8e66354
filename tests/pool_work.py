"""Work for the pool of processes; in a file that other processes can import."""

import os
import re
import resource
import time
import warnings
from pathlib import Path

from motionlens._utils.one_line_warnings import join_one_line_warnings


class OddError(Exception):
    """An error that cannot be made from its pickled form."""

    def __init__(self, first, second):
        super().__init__("it is odd")


def work(task):
    """Do what the task says: square a number, crash, hang, raise, fill memory."""
    if task == "crash":
        os._exit(11)
    if task == "hang":
        time.sleep(3600)
    if task == "hold":  # Python's lock, so that no other thread of the process does anything
        re.match(r"(a+)+$", "a" * 60 + "b")
    if task == "fill":
        return len(bytearray(2 * 10**9))
    if task == "odd":
        raise OddError(1, 2)
    if task == "process":
        return os.getpid()
    if task == "seconds":
        return resource.getrlimit(resource.RLIMIT_CPU)[0] - sum(os.times()[:2])
    if isinstance(task, Path):
        task.write_text(str(os.getpid()))
        time.sleep(3600)
    if task == "raise":
        raise ValueError("no")
    return task * task


class Counting:
    """Counts the tasks that its process has had; leaves its process's number in a folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.number = 0

    def __call__(self, task):
        self.number += 1
        (self.folder / str(os.getpid())).touch()
        return self.number


def warn(text):
    """Warn, whatever the filters that a test run sets."""
    warnings.simplefilter("always")
    warnings.warn(text, stacklevel=1)


def warn_as_worker(text):
    """What a loader's process does at its start, then warn."""
    join_one_line_warnings(0)
    warn(text)


def work_all(tasks):
    """:func:`work` on several tasks; one that is a path waits a little."""
    return [work(task) if not isinstance(task, float) else time.sleep(task) for task in tasks]
