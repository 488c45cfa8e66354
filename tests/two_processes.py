"""Runs several commands in a row, in each of the processes that torchrun starts.

Arguments: a JSON file with a list of commands, each a list of words.
"""

import json
import sys
from pathlib import Path

from motionlens.cli.main import main

if __name__ == "__main__":
    for command in json.loads(Path(sys.argv[1]).read_text()):
        if main(command) != 0:
            sys.exit(f"failed: {command}")
