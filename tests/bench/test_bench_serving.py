import json
import subprocess
import sys
from pathlib import Path

import pytest

from export_cards import small_recognizer
from motion_videos import CLASSES, write_video

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_serving.py"
NETWORK = {"widths": [4, 8, 8, 8], "modules": {"res3": 1}, "k": 2}


def measured(folder, *options):
    """What a short load says, on clips and a recognizer of its own."""
    small_recognizer("cpnet_nano", NETWORK, size=32).save_pretrained(folder / "run")
    clips = []
    for seed, (name, step) in enumerate(CLASSES.items()):
        clips.append(folder / f"{name}.mp4")
        write_video(clips[-1], step, seed=seed)
    options = ["--clients", "4", "--seconds", "1", "--out", folder / "load.json", *options]
    done = subprocess.run(
        [sys.executable, SCRIPT, folder / "run", *clips, *options],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads((folder / "load.json").read_text())
    assert found == json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_a_short_load_has_no_errors_and_the_same_answers(tmp_path):
    found = measured(tmp_path)
    assert found["errors"] == {}
    assert found["answers"] >= 4
    assert found["largest_difference"] < 1e-5
    assert 0 < found["median_s"] <= found["p99_s"]


@pytest.mark.slow
def test_hostile_requests_change_no_answer(tmp_path):
    playlist = tmp_path / "playlist.mp4"
    playlist.write_text("ffconcat version 1.0\nfile static.mp4\n")
    found = measured(tmp_path, "--hostile", "0.5", "--hostile_files", playlist, "--seconds", "8")
    assert "hostile" not in found["without"]
    assert found["with"]["errors"] == {}
    assert found["with"]["answers"] >= 4
    assert found["with"]["largest_difference"] < 1e-5
    hostile = found["with"]["hostile"]
    assert hostile["sent"] == sum(sum(counts.values()) for counts in hostile["statuses"].values())
    assert hostile["sent"] > 0
