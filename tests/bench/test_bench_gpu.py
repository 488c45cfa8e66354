"""The GPU benchmark at tiny shapes on the CPU, with the kernel where Triton is there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "bench_gpu.py"


def run(tmp_path, *steps):
    command = [sys.executable, str(SCRIPT), str(tmp_path), "--dry", "--precision", "fp32", "bf16"]
    done = subprocess.run([*command, "--steps", *steps], capture_output=True, text=True)
    assert done.returncode == 0, (tmp_path / "log.txt").read_text()
    assert [line.partition(": done")[0] for line in done.stdout.splitlines()] == list(steps)
    return [json.loads((tmp_path / f"{step}.json").read_text()) for step in steps]


@pytest.mark.slow
def test_times_what_there_is(tmp_path):
    (search,) = run(tmp_path, "search")
    assert search["device"] == "CPU"
    assert search["ceilings"]["fp32_tflop_s"] > 0
    assert [row["precision"] for row in search["times"]] == ["fp32", "bf16"]
    for row in search["times"]:
        assert row["least_ms"] > 0
        for name in ("reference", "baddbmm", "compiled"):
            low, high = row[name]["low_quartile_ms"], row[name]["high_quartile_ms"]
            assert 0 < low <= row[name]["median_ms"] <= high


@pytest.mark.interpret
def test_checks_and_times_the_kernels(tmp_path):
    checks, search, embedding = run(tmp_path, "checks", "search", "embedding")
    assert len(checks["checks"]) == 4
    assert all(row["right"] for row in checks["checks"])
    for row in search["times"]:
        assert row["search"]["median_ms"] > 0
        assert row["kernel"]["median_ms"] > 0
        assert all("BLOCK_M: 16" in config for config in row["configs_ms"])
    for row in embedding["embeddings"]:
        assert row["fused"]["error"] < (0.03 if row["dtype"] == "torch.bfloat16" else 1e-5)


@pytest.mark.slow
def test_times_networks_profiles_and_trains(tmp_path):
    networks, profile, train = run(tmp_path, "networks", "profile", "train")
    (row,) = networks["networks"]
    for form in ("cpnet", "c2d", "nl_c2d"):
        assert row[form]["inference"]["clips_per_s"] > 0
        assert row[form]["training"]["clips_per_s"] > 0
    assert profile["profile"]["training"][0]["ms"] > 0
    assert len(train["training"][0]["epochs"]) == 1


@pytest.mark.slow
def test_says_which_step_failed(tmp_path):
    (tmp_path / "checks.json").mkdir()  # where the step would write
    command = [sys.executable, str(SCRIPT), str(tmp_path), "--dry", "--steps", "checks"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "checks: failed (1)" in done.stdout
    assert "not all steps were done" in done.stderr


def test_says_what_it_needs(tmp_path):
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(SCRIPT), str(tmp_path / "result")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs a CUDA device; --dry does without" in done.stderr
