"""A target that does what no target may do, each fault by the number of its input."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from random import Random

from fuzz.target import Target

FAULTS = ("crash", "hang", "traceback", "memory", "message", "wrong", "left", "opened", "program",
          "connection", "printed", "unnamed", "refusal", "answer")  # fmt: skip


def seed(folder: Path) -> None:
    """Nothing is needed."""


def make(rng: Random, seeds: Path, where: Path) -> None:
    """The name of a fault; of inputs that warm up, which have numbers below 0, none."""
    (where / "fault").write_text(rng.choice(FAULTS))


def use(_: Random, where: Path) -> None:
    """Commit it."""
    fault = (where / "fault").read_text()
    if where.name != "in":  # an input that warms up
        return
    if fault == "crash":
        os.abort()
    elif fault == "hang":
        time.sleep(600)
    elif fault == "traceback":
        raise KeyError(str(where))
    elif fault == "memory":
        bytearray(3 * 10**9)
    elif fault == "message":
        raise ValueError("no file is named")
    elif fault == "wrong":
        raise AssertionError
    elif fault == "left":
        tempfile.mkstemp()
    elif fault == "opened":
        os.close(os.open(where.parent / "canary.mp4", os.O_RDONLY))
    elif fault == "program":
        subprocess.run([sys.executable, "-c", ""], check=True)
    elif fault == "connection":
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9))
    elif fault == "printed":
        os.write(2, b"a library's own words\n")
    elif fault == "unnamed":
        raise ValueError("something is wrong")
    elif fault == "refusal":
        raise ValueError(f"{where}: is no good")


TARGET = Target(seed, make, use)
