import csv
import json

import pytest
import torch

from motion_videos import CLASSES, tiny_recipe, write_dataset
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.prepared import PreparedSet, save_description, save_part
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.training.build import build_model, make_card
from motionlens.training.recipe_files import save_recipe
from processes import forked


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


@pytest.fixture
def run(videos, tmp_path):
    """A run folder whose weights are random."""
    recipe = tiny_recipe(videos, tmp_path / "run")
    torch.manual_seed(0)
    card = make_card(recipe, tuple(CLASSES))
    save_checkpoint(tmp_path / "run", build_model(card), card)
    save_recipe(recipe, tmp_path / "run" / "recipe.yaml")
    return tmp_path / "run"


@pytest.fixture
def prepared(videos, tmp_path):
    """``prepared("jester")``: a prepared set whose test part has no labels."""

    def write(name):
        folder = tmp_path / name
        folder.mkdir()
        description = PreparedSet(name=name, class_names=tuple(CLASSES), root=str(videos))
        entries = [ListEntry(f"{part}/1.mp4", "") for part in CLASSES]
        save_part(folder, "test", entries, [8] * 3)
        save_description(folder, description)
        return folder

    return write


FILES = {"report.html", "report.json", "predictions.csv", "confusion.csv", "confusion.png"}


def test_views_and_all_files(run, videos, motionlens_command):
    status, out, err = motionlens_command(
        "evaluate", run, "--views", "2x10", "--split", "all", "--data", videos, "--num-frames", 5
    )
    assert (status, err) == (0, "")
    assert "12 videos" in out
    assert "mean class accuracy" in out
    folder = run / "evaluation"
    assert {path.name for path in folder.iterdir()} == FILES
    values = json.loads((folder / "report.json").read_text())
    assert (values["settings"]["views"], values["settings"]["num_frames"]) == ("2x10", 5)
    page = (folder / "report.html").read_text()
    assert "<h1>Evaluation of run</h1>" in page
    assert page.count('src="data:image/jpeg;base64,') >= 1
    rows = list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))
    assert len(rows) == 12


def test_flip_pairs_on_the_command_line(run, tmp_path, motionlens_command):
    (run / "recipe.yaml").rename(tmp_path / "elsewhere.yaml")  # which knows them too
    video = tmp_path / "list.csv"
    video.write_text("videos/static/0.mp4,static\n")
    write_dataset(tmp_path / "videos", videos_per_class=1)
    options = ["--data", video, "--views", "1x10", "--json"]
    status, _, err = motionlens_command("evaluate", run, *options)
    assert status == 2
    assert "it is not known which classes swap" in err
    found = []
    for pairs in ("{move_left: move_right}", "{}"):
        status, out, err = motionlens_command("evaluate", run, *options, "--flip_pairs", pairs)
        assert (status, err) == (0, "")
        found.append(json.loads(out)["videos"][0]["probabilities"])
    assert found[0] != found[1]


@pytest.mark.parametrize(("name", "cells"), [("jester", 2), ("something-v2", 4), ("other", 3)])
def test_submission_of_an_unlabelled_part(run, prepared, tmp_path, motionlens_command, name, cells):
    status, out, err = motionlens_command(
        "evaluate", run, "--data", prepared(name), "--split", "test",
        "--submission", tmp_path / "submission.csv",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "3 videos predicted; none has a label" in out
    assert "top-1" not in out
    assert {path.name for path in (run / "evaluation_test").iterdir()} == FILES - {
        "confusion.csv",
        "confusion.png",
    }
    rows = (tmp_path / "submission.csv").read_text().splitlines()
    head = 1 if name == "other" else 0
    assert len(rows) == 3 + head
    assert all(row.startswith("1;") for row in rows) == (name != "other")
    assert {len(row.split("," if head else ";")) for row in rows} == {cells}


def test_broken_videos_are_skipped_when_asked(run, tmp_path, motionlens_command):
    data = write_dataset(tmp_path / "videos", videos_per_class=2)
    (data / "static" / "1.mp4").write_text("no video")
    status, _, err = motionlens_command("evaluate", run, "--data", data)
    assert status == 2
    assert "1.mp4: cannot be read as a video" in err
    status, out, err = motionlens_command("evaluate", run, "--data", data, "--skip_broken")
    assert (status, err) == (0, "")
    assert "1 broken video is left out" in out
    values = json.loads((run / "evaluation" / "report.json").read_text())
    assert [entry["path"] for entry in values["broken"]] == [str(data / "static" / "1.mp4")]
    assert values["num_videos"] == 5


def test_several_labels(run, videos, tmp_path, motionlens_command):
    card = (run / "config.json").read_text().replace('"mean"', '"multi_label": true, "mean"')
    (run / "config.json").write_text(card)
    (tmp_path / "list.csv").write_text(
        f"{videos}/static/0.mp4,static|move_left\n{videos}/move_left/1.mp4,move_left\n"
    )
    status, out, err = motionlens_command("evaluate", run, "--data", tmp_path / "list.csv")
    assert (status, err) == (0, "")
    assert "mean average precision" in out
    assert "Confusion" not in out
    assert not (run / "evaluation" / "confusion.png").exists()


@pytest.mark.slow
def test_two_processes_give_the_report_of_one(run, videos, tmp_path, motionlens_command):
    data = write_dataset(tmp_path / "videos", videos_per_class=3)
    (data / "static" / "1.mp4").write_text("no video")
    options = ["--data", data, "--views", "2x3", "--skip_broken", "--num_workers", 0]
    options += ["--batch_size", 4, "--json", "--device", "cpu"]
    status, alone, _ = motionlens_command("evaluate", run, *options, "--out", tmp_path / "one")
    assert status == 0
    out = ["--out", tmp_path / "two"]
    done = forked("motionlens", "evaluate", run, *options, *out, num_processes=2)
    assert done.returncode == 0, done.stderr
    one, two = json.loads(alone), json.loads(done.stdout)
    for a, b in zip(one["videos"], two["videos"], strict=True):
        assert a.pop("probabilities") == pytest.approx(b.pop("probabilities"), abs=1e-5)
        assert a == b
    one.pop("videos"), two.pop("videos")
    for name in ("calibration_error", "settings"):
        assert one.pop(name) == pytest.approx(two.pop(name), abs=1e-5)
    assert one == two
    assert {path.name for path in (tmp_path / "two").iterdir()} == FILES


@pytest.mark.slow
def test_two_processes_end_when_one_fails(run, tmp_path):
    data = write_dataset(tmp_path / "videos", videos_per_class=1)
    (data / "move_right" / "0.mp4").write_text("no video")
    options = ["--data", data, "--num_workers", 0]
    done = forked("motionlens", "evaluate", run, *options, num_processes=2)
    assert done.returncode != 0
    assert "0.mp4: cannot be read as a video" in done.stderr
