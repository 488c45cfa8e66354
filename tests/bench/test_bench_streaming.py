import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_streaming.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_short_video(tmp_path):
    command = [sys.executable, SCRIPT, "--minutes", "0.2", "--cache", tmp_path, "--samples", "5"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["windows"] == 1 + (300 - 22) // 6
    assert found["compared"] == 5
    assert found["greatest_difference"] < 1e-5
    assert list(found["memory_mb"]) == ["1 %", "10 %", "25 %", "50 %", "75 %", "100 %"]
    assert len(list(tmp_path.iterdir())) == 1
