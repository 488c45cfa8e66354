import os
from pathlib import Path

import pytest
import torch
import yaml

from motionlens import Recognizer, pretrained
from motionlens.datasets.list_files import read_list
from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.video.writing import encode_exactly

DATA = Path(__file__).parents[2] / "benchmarks" / "pretraining_data.yaml"
MEANINGS = yaml.safe_load(DATA.read_text())["meanings"]
CLASS_NAMES = tuple(yaml.safe_load(DATA.read_text())["class_names"])
REALMOTION = {"zoom_in": "closer", "zoom_out": "away", "static": "still"}


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer.from_pretrained()


def test_it_is_small_and_says_what_it_is(recognizer):
    folder = pretrained.bundled_path()
    files = [path for path in folder.iterdir() if path.is_file()]
    assert {"config.json", "model.safetensors", "README.md"} <= {path.name for path in files}
    package = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in package) <= 2_000_000
    assert recognizer.class_names == CLASS_NAMES
    assert recognizer.card.model == "cpnet_nano"


def test_the_weights_to_start_from_are_a_recognizer_too():
    folder = pretrained.bundled_path(pretrained.PATHS)
    assert (folder / "README.md").is_file()
    recognizer = Recognizer.from_pretrained("bundled_paths")
    assert recognizer.class_names[:7] == CLASS_NAMES
    assert len(recognizer.class_names) == 34
    assert {p.dtype for p in recognizer.model.parameters()} == {torch.float32}
    suite = MotionSuite("path_in_view", "easy", seed=79, num_frames=16)
    straight = [name for name in suite.class_names if name.startswith("stroke_")]
    clips = [
        clip
        for clip in (suite.clip("test", i) for i in range(400))
        if suite.class_names[clip[1]] in straight
    ][:24]
    found = recognizer.predict([frames for frames, _ in clips], top=1)
    labels = [MEANINGS[suite.class_names[label]] for _, label in clips]
    right = sum(f.label == label for f, label in zip(found, labels, strict=True))
    assert right / len(labels) >= 0.7


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Recognizer.from_pretrained("bundled").class_names == CLASS_NAMES
    (tmp_path / "bundled").mkdir()
    with pytest.raises(ValueError, match="bundled"):
        Recognizer.from_pretrained("bundled")


@pytest.mark.parametrize(("task", "least"), [("direction", 0.9), ("approach_recede", 0.9)])
def test_it_reads_clips_that_it_has_not_seen(recognizer, task, least):
    # 24 frames, so that there is one in three of them for the 8 that it looks at.
    suite = MotionSuite(task, "easy", seed=77, num_frames=24, speed=1.5)
    clips = [suite.clip("test", i) for i in range(24)]
    found = recognizer.predict([frames for frames, _ in clips], top=1)
    labels = [MEANINGS[suite.class_names[label]] for _, label in clips]
    right = sum(f.label == label for f, label in zip(found, labels, strict=True))
    assert right / len(labels) >= least


def test_predict_without_a_run(tmp_path, motionlens_command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    suite = MotionSuite("direction", "easy", seed=78, num_frames=24, speed=1.5)
    frames, label = suite.clip("test", 0)
    Path("clip.mp4").write_bytes(encode_exactly(frames, fps=24))
    status, out, err = motionlens_command("predict", "clip.mp4", "--json")
    assert status == 0
    assert f'"label": "{MEANINGS[suite.class_names[label]]}"' in out
    assert err == "motionlens: no run is given; taking the bundled recognizer\n"


def test_real_footage(recognizer):
    root = Path(os.environ.get("MOTIONLENS_TEST_DATA", "../shared"), "data", "realmotion7")
    if not root.is_dir():
        pytest.skip(f"needs {root}")
    entries = read_list(root / "validation.csv", ";")
    found = recognizer.predict([root / "videos" / f"{entry.path}.mp4" for entry in entries], top=1)
    labels = [REALMOTION.get(e.label, e.label.removeprefix("move_")) for e in entries]
    right = sum(f.label == label for f, label in zip(found, labels, strict=True))
    assert right / len(labels) >= 0.85
