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
    done = subprocess.run([sys.executable, SCRIPT], check=True, capture_output=True, text=True)
    seen = json.loads(done.stdout)["private_mb"]
    grown = {name: values[-1] - values[2] for name, values in seen.items()}
    assert grown["VideoIndex"] < 1.0, seen
    assert grown["list of tuples"] > 2.0, seen  # it would be seen
