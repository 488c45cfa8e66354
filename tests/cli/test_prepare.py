import json
import shutil

import pytest

from mini_datasets import NAMES, write_mini
from motionlens.cli.main import main


@pytest.fixture
def jester(tmp_path):
    return write_mini("jester", tmp_path / "jester")


def test_whole(jester, motionlens_command):
    status, out, err = motionlens_command("prepare", "jester", jester, "--num_workers", 0)
    assert (status, err) == (0, "")
    assert "118,562" in out
    assert f"next: motionlens train --data {jester}/prepared --out RUN" in out
    assert json.loads((jester / "prepared" / "dataset.json").read_text())["name"] == "jester"


def test_status_tells_of_what_was_left_out(jester, motionlens_command):
    shutil.rmtree(jester / "20bn-jester-v1" / "1")
    out_folder = jester.parent / "out"
    status, out, err = motionlens_command(
        "prepare", "jester", jester, "--out", out_folder, "--num-workers", 0, "--check", "decode"
    )
    assert (status, err) == (1, "")
    assert "Left out: 1. missing.csv and unreadable.csv say which and why." in out
    assert (out_folder / "dataset.json").is_file()


def test_catalogue(motionlens_command):
    status, out, _ = motionlens_command("prepare", "--list")
    assert status == 0
    assert all(f"│ {name} " in out for name in NAMES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name and root must be given: motionlens prepare NAME ROOT"),
        (["jester"], "name and root must be given"),
        (["jestr", "."], "name must be a data set of the catalogue, got 'jestr', did you mean"),
        (["jester", "gone"], "root must hold Jester v1, gone does not exist"),
        (["jester", ".", "--split", "2"], "split is no option of jester"),
        (["jester", ".", "--check", "much"], "--check"),
    ],
)
def test_errors_are_one_line(arguments, message, tmp_path, monkeypatch, motionlens_command):
    monkeypatch.chdir(tmp_path)
    status, out, err = motionlens_command("prepare", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("motionlens: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_packing_is_checked_before_any_video(jester, tmp_path, motionlens_command):
    shards = ("--shards", str(tmp_path / "shards"), "--quality", "200")
    status, out, err = motionlens_command("prepare", "jester", str(jester), *shards)
    assert (status, out) == (2, "")
    assert "quality must lie in 1..95, got 200" in err
    assert not (jester / "prepared").exists()


def test_options_reach_the_data_set(tmp_path, motionlens_command):
    root = write_mini("hmdb51", tmp_path / "hmdb51")
    status, out, _ = motionlens_command("prepare", "hmdb51", root, "--split", 3, "--num_workers", 0)
    assert status == 0
    assert "The test videos of split 3 are the validation part." in out
    lists = write_mini("list", tmp_path / "list")
    for part in ("train", "validation", "test"):
        path = lists / f"{part}.csv"
        path.write_text(path.read_text().replace("videos/", ""))
    options = ["--listing.pattern", "videos/{}", "--listing.root", lists, "--fps", 5]
    status, _, _ = motionlens_command("prepare", "list", lists, *options, "--num_workers", 0)
    assert status == 0
    assert json.loads((lists / "prepared" / "dataset.json").read_text())["fps"] == 5


def test_prepared_data_train_and_evaluate(tmp_path, motionlens_command):
    """With what the command says comes next."""
    root = write_mini("something-v2", tmp_path / "copy")
    assert main(["prepare", "something-v2", str(root), "--num_workers", "0"]) == 0
    run = tmp_path / "run"
    small = ["--model", "cpnet_nano", "--k", "2", "--clip.size", "16", "--clip.num_frames", "4",
             "--clip.frame_stride", "2", "--device", "cpu", "--loader.num_workers", "0",
             "--optim.epochs", "1", "--augment.horizontal_flip", "catalog",
             "--model_options", "{widths: [8, 8, 8, 8], modules: {res3: 1}}"]  # fmt: skip
    status, _, err = motionlens_command(
        "train", "--data", root / "prepared", "--out", run, *small, "--quiet"
    )
    assert (status, err) == (0, "")
    status, out, _ = motionlens_command("evaluate", run, "--json", "--num_workers", 0)
    assert status == 0
    assert json.loads(out)["num_videos"] == 4
