import json
import subprocess
import sys
from pathlib import Path

import pytest

from export_cards import small_recognizer
from motion_videos import CLASSES, write_video

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_serving.py"
NETWORK = {"widths": [4, 8, 8, 8], "modules": {"res3": 1}, "k": 2}


@pytest.mark.slow
def test_a_short_load_has_no_errors_and_the_same_answers(tmp_path):
    small_recognizer("cpnet_nano", NETWORK, size=32).save_pretrained(tmp_path / "run")
    clips = []
    for seed, (name, step) in enumerate(CLASSES.items()):
        clips.append(tmp_path / f"{name}.mp4")
        write_video(clips[-1], step, seed=seed)
    options = ["--clients", "4", "--seconds", "1", "--out", tmp_path / "load.json"]
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "run", *clips, *options],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((tmp_path / "load.json").read_text())
    assert found == json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == {}
    assert found["answers"] >= 4
    assert found["largest_difference"] < 1e-5
    assert 0 < found["median_s"] <= found["p99_s"]
