import json

import numpy as np
import pytest
from PIL import Image

from export_cards import small_recognizer
from motion_videos import CLASSES, write_video
from motionlens.inference.recognizer import Recognizer
from motionlens.video.pictures import FolderReader


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    options = {"widths": [4, 8, 8, 8], "modules": {"res3": 1, "res4": 1}, "k": 3}
    small_recognizer("cpnet_nano", options, size=32).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    paths = [root / "left" / "a.mp4", root / "right" / "a.mp4"]
    for path, name in zip(paths, ["move_left", "move_right"], strict=True):
        write_video(path, CLASSES[name], seed=1)
    return paths


def test_writes_data_and_pictures(motionlens_command, run, videos, tmp_path):
    out = tmp_path / "out"
    status, printed, errors = motionlens_command(
        "explain", run, videos[0], "--out", out, "--top", 5, "--animation", "gif", "--fps", 4
    )
    assert (status, errors) == (0, "")
    names = {"explanation.json", "proposals.png", "change.png", "modules.png", "animation.gif"}
    assert {path.name for path in out.iterdir()} == names
    explained = Recognizer.from_pretrained(run).explain(videos[0])
    assert json.loads((out / "explanation.json").read_text()) == explained.to_dict(top=5)
    assert explained.prediction.label in printed
    frame, row, column, _ = explained.ranked("layer3.0", 1)[0]
    assert f"{frame},{row},{column}" in printed
    assert all(name in printed for name in explained.modules)
    with Image.open(out / "animation.gif") as image:
        assert image.n_frames == 4
        assert image.info["duration"] == 250


def test_position_module_and_k(motionlens_command, run, videos, tmp_path):
    arguments = ["explain", run, videos[0], "--out", tmp_path, "--format", "svg"]
    chosen = ["--module", "layer2.0", "--position", "2,3,1", "--k", 2, "--theme", "dark"]
    status, printed, _ = motionlens_command(*arguments, *chosen)
    assert status == 0
    assert "2,3,1" in printed
    content = json.loads((tmp_path / "explanation.json").read_text())
    assert [module["k"] for module in content["modules"]] == [2, 2]
    assert (tmp_path / "proposals.svg").read_text().count("<svg") == 1


def test_several_videos_lie_apart_and_are_compared(motionlens_command, run, videos, tmp_path):
    status, printed, _ = motionlens_command("explain", run, *videos, "--out", tmp_path)
    assert status == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a-2", "comparison.png"}
    assert (tmp_path / "a-2" / "proposals.png").is_file()
    for video in videos:
        assert str(video) in printed.replace("\n", "")


def test_json_lines(motionlens_command, run, videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, printed, _ = motionlens_command("explain", run, *videos, "--json", "--top", 2)
    assert status == 0
    lines = [json.loads(line) for line in printed.splitlines()]
    assert [line["path"] for line in lines] == list(map(str, videos))
    assert [len(module["positions"]) for module in lines[0]["modules"]] == [2, 2]
    assert not list(tmp_path.iterdir())


def test_folder_of_pictures_reads_only_the_clip(motionlens_command, run, tmp_path, monkeypatch):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(40):
        picture = np.full((40, 60, 3), 5 * number, np.uint8)
        Image.fromarray(picture).save(folder / f"{number:03}.png")
    read = []
    load = FolderReader._load
    monkeypatch.setattr(FolderReader, "_load", lambda s, i: (read.extend(i), load(s, i))[1])
    status, _, _ = motionlens_command("explain", run, folder, "--out", tmp_path / "out")
    assert status == 0
    assert read == [16, 18, 20, 22]
    content = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert content["frames"]["numbers"] == read
    assert (content["frames"]["height"], content["frames"]["width"]) == (40, 60)


def test_progress_is_shown_on_a_terminal_alone(
    motionlens_command, run, videos, tmp_path, monkeypatch
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    _, _, errors = motionlens_command("explain", run, videos[0], "--out", tmp_path)
    assert "[1/1] a.mp4: reading and matching" in errors
    assert "drawing" in errors
    assert errors.endswith("\r\x1b[K")


def test_broken_videos_are_named_and_passed_over(motionlens_command, run, videos, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    out = tmp_path / "out"
    status, printed, errors = motionlens_command("explain", run, broken, videos[0], "--out", out)
    assert status == 1
    assert errors.startswith("motionlens: error: ")
    assert errors.count("\n") == 1
    assert "broken.mp4" in errors
    assert str(videos[0]) in printed.replace("\n", "")
    status, printed, errors = motionlens_command("explain", run, broken, "--out", out)
    assert (status, printed) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--module", "layer3.1"], "module must be one of layer2.0, layer3.0, got 'layer3.1'"),
        (["--position", "1,2"], "position must be FRAME,ROW,COLUMN such as 3,5,2, got '1,2'"),
        (["--position", "4,0,0"], "frame must lie in 0..3, got 4"),
        (["--k", "0"], "k must be a whole number of at least 1, got 0"),
        (["--top", "-1"], "top must be a whole number of at least 0, got -1"),
        (["--fps", "0"], "fps must be above 0, got 0"),
        (["--out", "/proc/explain"], "out must be a folder that can be written"),
        (["--animation", "avi"], "animation"),
    ],
)
def test_mistakes(motionlens_command, run, videos, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    status, _, errors = motionlens_command("explain", run, videos[0], *arguments)
    assert status == 2
    assert errors.startswith("motionlens: error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert not list(tmp_path.iterdir())


def test_run_alone_and_networks_without_modules(
    motionlens_command, run, videos, exported, tmp_path
):
    status, _, errors = motionlens_command("explain", run)
    assert status == 2
    assert "no video is given; usage: motionlens explain [RUN] FILE..." in errors
    status, _, errors = motionlens_command("explain", exported, videos[0], "--out", tmp_path)
    assert status == 2
    assert "does not tell what it matched; explain the run" in errors
