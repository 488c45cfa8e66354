"""Work for the pool of processes; in a file that other processes can import."""

import os
import time
import warnings
from pathlib import Path

from motionlens._utils.one_line_warnings import join_one_line_warnings


def work(task):
    """Do what the task says: square a number, crash, hang or raise."""
    if task == "crash":
        os._exit(11)
    if task == "hang":
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
