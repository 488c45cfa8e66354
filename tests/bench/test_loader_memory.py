import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "loader_memory.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_do_not_grow_with_the_list():
    # In a process of its own: what this one writes to becomes the worker's alone, too.
    # Entries are many, because the system gives memory in pieces of up to 2 MB.
    command = [sys.executable, SCRIPT, "--entries", "400000"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seen = json.loads(done.stdout)["private_mb"]
    grown = {name: values[-1] - values[1] for name, values in seen.items()}
    assert grown["list of tuples"] > 12.0, seen  # it would be seen
    assert grown["VideoIndex"] < grown["list of tuples"] / 3, seen
