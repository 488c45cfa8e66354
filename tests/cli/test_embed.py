import json

import numpy as np
import pytest
import torch

from motion_videos import CLASSES, tiny_recipe, write_dataset
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.prepared import PreparedSet, save_description, save_part
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.training.build import build_model, make_card
from processes import forked


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"), videos_per_class=3)


@pytest.fixture(scope="module")
def run(videos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    card = make_card(tiny_recipe(videos, folder), tuple(CLASSES))
    save_checkpoint(folder, build_model(card), card)
    return folder


def test_folders_and_files(run, videos, tmp_path, motionlens_command):
    out = tmp_path / "x.npy"
    status, text, err = motionlens_command(
        "embed", run, videos / "static", videos / "move_left" / "0.mp4", "--out", out
    )
    assert (status, err) == (0, "")
    assert f"{tmp_path / 'x.csv'} and {out}: 4 videos" in text
    assert np.load(out).shape == (4, 8)
    lines = (tmp_path / "x.csv").read_text().splitlines()
    assert lines[4] == f"3,{videos / 'move_left' / '0.mp4'},,,"


def test_prepared_sets_have_labels(run, videos, tmp_path, motionlens_command):
    entries = [ListEntry("static/1.mp4", "static"), ListEntry("static/2.mp4", "")]
    save_part(tmp_path, "validation", entries, [8, 8])
    save_part(tmp_path, "train", entries[:1], [8])
    save_description(
        tmp_path, PreparedSet(name="x", class_names=("static", "other"), root=str(videos))
    )
    out = tmp_path / "x.npy"
    status, _, err = motionlens_command("embed", run, "--data", tmp_path, "--out", out)
    assert (status, err) == (0, "")
    assert [line.split(",")[2] for line in (tmp_path / "x.csv").read_text().splitlines()] == [
        "label",
        "static",
        "",
    ]
    status, _, err = motionlens_command(
        "embed", run, "--data", tmp_path, "--split", "train", "--out", out
    )
    assert (status, np.load(out).shape) == (0, (1, 8))


def test_parquet(run, videos, tmp_path, motionlens_command, read_parquet):
    status, _, _ = motionlens_command("embed", run, videos, "--out", tmp_path / "x.parquet")
    assert status == 0
    assert len(read_parquet(tmp_path / "x.parquet")) == 9


def test_broken_videos(run, videos, tmp_path, motionlens_command):
    broken, out = tmp_path / "broken.mp4", tmp_path / "x.npy"
    broken.write_text("no video")
    status, _, err = motionlens_command("embed", run, broken, videos / "static", "--out", out)
    assert status == 1
    assert err.count("\n") == 1
    assert "broken.mp4: cannot be read" in err
    assert np.load(out).shape == (3, 8)
    out.unlink()
    status, text, err = motionlens_command("embed", run, broken, "--out", out)
    assert (status, text) == (2, "")
    assert not out.exists()
    (tmp_path / "empty").mkdir()
    status, _, err = motionlens_command("embed", run, tmp_path / "empty", "--out", out)
    assert status == 2
    assert "no videos in this folder" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["embed", "{run}", "--out", "{tmp}/x.npy"], "FILE... or motionlens embed RUN --data LIST"),
        (["embed", "{run}", "x", "--data", "y", "--out", "{tmp}/x.npy"], "not both"),
        (["embed", "{run}", "x.mp4", "--out", "{tmp}/x.txt"], "out must end in .npy or .parquet"),
        (["embed", "{run}", "x.mp4", "--out", "{tmp}/a/x.npy"], "out must be in a folder that"),
        (["embed", "{run}", "x.mp4"], "out"),
        (["embed", "{run}", "x.mp4", "--out", "{tmp}/x.npy", "--views", "3"], "CLIPSxCROPS"),
    ],
)
def test_mistakes_end_in_one_line(arguments, message, run, tmp_path, motionlens_command):
    status, _, err = motionlens_command(*[a.format(run=run, tmp=tmp_path) for a in arguments])
    assert status == 2
    assert err.startswith("motionlens: error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.slow
def test_two_processes_write_and_print_the_same(run, videos, tmp_path, motionlens_command):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    files = [videos / "static", broken, videos / "move_left"]
    assert motionlens_command("embed", run, *files, "--out", tmp_path / "one.npy")[0] == 1
    options = ["--out", tmp_path / "two.npy", "--device", "cpu"]
    done = forked("motionlens", "embed", run, *files, *options, num_processes=2)
    assert done.returncode == 1
    assert done.stderr.count("broken.mp4: cannot be read") == 1
    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()
    np.testing.assert_allclose(
        np.load(tmp_path / "one.npy"), np.load(tmp_path / "two.npy"), rtol=1e-4, atol=1e-6
    )
    _, alone, _ = motionlens_command("predict", run, videos, "--json", "--top", 3)
    options = ["--json", "--top", 3, "--device", "cpu"]
    done = forked("motionlens", "predict", run, videos, *options, num_processes=2)
    assert done.returncode == 0, done.stderr
    one, two = ([json.loads(line) for line in text.splitlines()] for text in (alone, done.stdout))
    assert [line["path"] for line in one] == [line["path"] for line in two]
    for a, b in zip(one, two, strict=True):
        assert a["predictions"][0]["probability"] == pytest.approx(
            b["predictions"][0]["probability"], abs=1e-5
        )
