"""Every data set of the catalogue, from its official files to a submission."""

import json
from pathlib import Path

import numpy as np
import pytest

from mini_datasets import NAMES, PER_CLASS, STEPS, write_mini
from motionlens.cli.main import main
from motionlens.datasets.catalog.names import CATALOG
from motionlens.datasets.prepared import load_part
from motionlens.training.run_folder import read_metrics
from processes import torchrun

RECIPE = """
model: cpnet_nano
k: 2
model_options: {widths: [8, 8, 8, 8], modules: {res3: 1}}
device: cpu
clip: {num_frames: 4, frame_stride: 2, size: 16}
augment: {horizontal_flip: FLIP}
optim: {epochs: 1, batch_size: 4}
loader: {num_workers: 0}
"""
# Own folders and lists are known to nobody.
WITH_FLIPS = {name for name, spec in CATALOG.items() if spec.swaps is not None}
WITH_TEST = {name for name, spec in CATALOG.items() if spec.submission_labels is not None}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Every miniature, prepared: name -> folder."""
    top = tmp_path_factory.mktemp("sets")
    folders = {}
    for name in NAMES:
        root, folders[name] = write_mini(name, top / name), top / f"{name}-prepared"
        words = ["prepare", name, str(root), "--out", str(folders[name]), "--num_workers", "0"]
        assert main(words) == 0
    return folders


def commands(name: str, data: Path, run: Path, folder: Path) -> list[list[str]]:
    """Train an epoch, go on for another, evaluate, and submit where there is a test part."""
    recipe = folder / f"{name}.yaml"
    recipe.write_text(RECIPE.replace("FLIP", "catalog" if name in WITH_FLIPS else "null"))
    words = [
        ["train", "--config", recipe, "--data", data, "--out", run, "--quiet"],
        ["train", "--out", run, "--resume", "--optim.epochs", "2", "--quiet"],
        ["evaluate", run, "--views", "2x3", "--num_workers", "0"],
    ]
    if name in WITH_TEST:
        submission = ["--submission", folder / f"{name}.csv"]
        words.append(["evaluate", run, "--split", "test", "--num_workers", "0", *submission])
    return [[str(word) for word in command] for command in words]


def check(name: str, data: Path, run: Path, folder: Path) -> dict[str, list[float]]:
    """What every chain must have left; the probabilities of the validation videos."""
    report = json.loads((run / "evaluation" / "report.json").read_text())
    assert report["num_videos"] == len(load_part(data, "validation"))
    assert len(read_metrics(run)) == 2
    if name in WITH_TEST:
        lines = (folder / f"{name}.csv").read_text().splitlines()
        index = load_part(data, "test")
        assert len(lines) == len(index) == PER_CLASS["test"] * len(STEPS)
        ids = {Path(str(path)).stem for path in index.paths}
        for line in lines:
            video, label, *others = line.split(";")
            assert video in ids
            assert {label, *others} <= set(index.class_names)
            asked = CATALOG[name].submission_labels
            assert len(others) == min(asked, len(index.class_names)) - 1
    return {video["path"]: video["probabilities"] for video in report["videos"]}


@pytest.mark.parametrize("name", NAMES)
def test_from_official_files_to_a_submission(prepared, name, tmp_path):
    run = tmp_path / "run"
    for command in commands(name, prepared[name], run, tmp_path):
        assert main(command) == 0
    check(name, prepared[name], run, tmp_path)


def test_from_shards(prepared, tmp_path):
    shards, run = tmp_path / "shards", tmp_path / "run"
    copy = prepared["something-v2"].parent / "something-v2"
    arguments = ["--shards", str(shards), "--short_side", "24", "--shard_videos", "5"]
    words = ["prepare", "something-v2", str(copy), "--out", str(tmp_path / "index")]
    assert main([*words, "--num_workers", "0", *arguments]) == 0
    assert len(list(shards.glob("train-*.tar"))) > 1
    train, validation, evaluation, _ = commands("something-v2", shards, run, tmp_path)
    for command in (train, validation, evaluation):
        assert main(command) == 0
    report = json.loads((run / "evaluation" / "report.json").read_text())
    assert all(".tar/" in video["path"] for video in report["videos"])


@pytest.mark.slow
def test_all_with_two_processes(prepared, tmp_path):
    steps = []
    for name, data in prepared.items():
        (tmp_path / name).mkdir()
        steps += commands(name, data, tmp_path / name / "run", tmp_path / name)
    (tmp_path / "steps.json").write_text(json.dumps(steps))
    script = Path(__file__).with_name("two_processes.py")
    done = torchrun(script, tmp_path / "steps.json", module=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for name, data in prepared.items():
        folder = tmp_path / name
        together = check(name, data, folder / "run", folder)
        *_, alone = [c for c in commands(name, data, folder / "run", folder) if "--views" in c]
        assert main([*alone, "--out", str(folder / "alone")]) == 0
        report = json.loads((folder / "alone" / "report.json").read_text())
        for video in report["videos"]:
            np.testing.assert_allclose(
                video["probabilities"], together.pop(video["path"]), atol=1e-5
            )
        assert together == {}
