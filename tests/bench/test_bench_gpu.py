"""The GPU benchmark at tiny shapes on the CPU, with the kernel where Triton is there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "bench_gpu.py"


def run(tmp_path, *options):
    out = tmp_path / "result.json"
    command = [sys.executable, str(SCRIPT), str(out), "--dry", "--precision", "fp32", "bf16"]
    subprocess.run([*command, *options], check=True)
    return json.loads(out.read_text())


def test_times_what_there_is(tmp_path):
    result = run(tmp_path)
    assert result["versions"]["device"] == "CPU"
    assert result["ceilings"]["fp32_tflop_s"] > 0
    assert [row["precision"] for row in result["times"]] == ["fp32", "bf16"]
    for row in result["times"]:
        assert row["least_ms"] > 0
        for name in ("reference", "baddbmm", "compiled"):
            low, high = row[name]["low_quartile_ms"], row[name]["high_quartile_ms"]
            assert 0 < low <= row[name]["median_ms"] <= high


@pytest.mark.interpret
def test_checks_and_times_the_kernel(tmp_path):
    result = run(tmp_path)
    assert len(result["checks"]) == 4
    assert all(row["right"] for row in result["checks"])
    for row in result["times"]:
        assert row["search"]["median_ms"] > 0
        assert row["kernel"]["median_ms"] > 0
        assert "BLOCK_M: 16" in row["config"]


def test_says_what_it_needs(tmp_path):
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(SCRIPT), str(tmp_path / "result.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs a CUDA device; --dry does without" in done.stderr
