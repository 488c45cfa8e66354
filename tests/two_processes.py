"""Runs several commands in a row, in each of the processes that torchrun starts.

Arguments: a JSON file with a list of commands, each a list of words.
"""

import atexit
import json
import os
import sys
from pathlib import Path

from motionlens.cli.main import main


def check_threads() -> None:
    """The group of processes is gone: its threads would outlive Python's end, and could abort."""
    threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    if any("gloo" in name for name in threads):
        print(f"left over: {threads}", file=sys.stderr, flush=True)
        os._exit(1)  # an exception here would change no exit status


if __name__ == "__main__":
    atexit.register(check_threads)  # the first that is registered is the last to be called
    for command in json.loads(Path(sys.argv[1]).read_text()):
        if main(command) != 0:
            sys.exit(f"failed: {command}")
