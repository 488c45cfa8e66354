import json
from dataclasses import replace

import pytest

from export_cards import small_recognizer
from motion_videos import CLASSES, write_video
from motionlens.cli.main import main
from motionlens.export.int8 import _compare


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    small_recognizer("toy_c2d").save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "left.mp4"
    write_video(path, CLASSES["move_left"], seed=1)
    return path


def test_export_then_predict_as_the_run_does(run, video, tmp_path, capfd):
    out = tmp_path / "net.onnx"
    assert main(["export", str(run), str(out), "--clips", str(video)]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    assert f"{out}: ONNX, opset 20, 0." in told.out
    assert "clips     float32 (batch, 3, 4, 16, 16)" in told.out
    assert "features  float32 (batch, 8)" in told.out
    assert "tolerance 0.001 of the norm" in told.out
    assert told.out.count("3x3x4x16x16") == 1
    assert str(video) in told.out
    assert "No real clips" not in told.out

    found = []
    for source in (run, out):
        assert main(["predict", str(source), str(video), "--json", "--top", "3"]) == 0
        found.append(json.loads(capfd.readouterr().out)["predictions"])
    assert [p["label"] for p in found[0]] == [p["label"] for p in found[1]]
    assert found[1][0]["probability"] == pytest.approx(found[0][0]["probability"], abs=1e-4)


def test_int8_then_predict_and_evaluate(run, parted_videos, tmp_path, capfd):
    out = tmp_path / "net.onnx"
    assert main(["export", str(run), str(out), "--int8", "--calibrate", str(parted_videos)]) == 0
    told = capfd.readouterr()
    assert f"{out}: ONNX, opset 20, convolutions in INT8, 0." in told.out
    assert "float32 │ 4 of 12" in told.out
    assert "INT8    │ 4 of 12" in told.out
    assert "12 of 12 clips have the same label; a probability changes by 0.0" in told.out
    assert "ranges are those of 12 training clips" in told.out

    assert main(["evaluate", str(out), "--data", str(parted_videos), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["top1"] == pytest.approx(4 / 12)
    assert main(["predict", str(out), str(parted_videos / "train/static/0.mp4"), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["predictions"]
    assert main(["info", str(out)]) == 0
    assert "INT8: names 4 of 12 validation clips rightly, float32 4" in capfd.readouterr().out


def test_int8_that_loses_prints_the_table(run, parted_videos, tmp_path, capfd, monkeypatch):
    def compare_worse(*arguments):
        return replace(_compare(*arguments), right_after=0)

    monkeypatch.setattr("motionlens.export.int8._compare", compare_worse)
    out = tmp_path / "net.onnx"
    assert main(["export", str(run), str(out), "--int8", "--calibrate", str(parted_videos)]) == 2
    told = capfd.readouterr()
    assert "INT8    │ 0 of 12 │    0.0 %" in told.out
    assert (
        "motionlens: error: INT8 may lose at most 1.0 % of the validation clips, or one,"
        in told.err
    )
    assert not out.exists()


def test_program_without_real_clips(run, tmp_path, capfd):
    assert main(["export", str(run), str(tmp_path / "net.pt2"), "--dynamic_frames"]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    assert "net.pt2: torch.export" in told.out
    assert "clips     float32 (batch, 3, num_frames, 16, 16)" in told.out
    assert "No real clips were compared; --clips FILE... names some." in told.out


def test_failed_check_prints_the_table_and_keeps_the_old_file(run, tmp_path, capsys):
    out = tmp_path / "net.pt2"
    out.write_text("before")
    assert main(["export", str(run), str(out), "--tolerance", "-1"]) == 2
    told = capsys.readouterr()
    assert "1x3x4x16x16" in told.out
    assert told.err.startswith(
        "motionlens: error: the exported network must agree with the original"
    )
    assert out.read_text() == "before"


def test_info_describes_a_file(exported, capsys):
    assert main(["info", str(exported)]) == 0
    told = capsys.readouterr().out
    assert "exported       ONNX, opset 20, clips (batch, 3, num_frames, 16, 16)" in told
    assert "classes        3: move_left, move_right, static" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "{run}"], "required"),
        (["export", "nix", "{tmp}/net.onnx"], "nix does not exist"),
        (["export", "{run}", "{tmp}/net.pth"], "must end in .onnx or .pt2, got net.pth"),
        (["export", "{run}", "{tmp}/net.onnx", "--aot"], "aot makes a .pt2 file"),
        (["export", "{run}", "{tmp}/net.pt2", "--opset", "20"], "opset is for .onnx files"),
        (
            ["export", "{run}", "{tmp}/net.onnx", "--calibrate", "x"],
            "--calibrate is for --int8; add",
        ),
        (["export", "{run}", "{tmp}/net.onnx", "--max_loss", "0"], "--max_loss is for --int8; add"),
        (["export", "{run}", "{tmp}/net.onnx", "--int8"], "--calibrate DATA names labelled videos"),
        (["export", "{run}", "{tmp}/net.pt2", "--int8", "--calibrate", "x"], "int8 is for .onnx"),
        (["export", "{run}", "{tmp}/net.pt2", "--int8", "--aot"], "leave one out"),
        (["export", "{run}", "{tmp}/net.onnx", "--int8", "--calibrate", "x"], "x does not exist"),
        (["export", "{run}", "{tmp}/net.onnx", "--opset", "3"], "opset must be at least 18 and"),
        (["export", "{run}", "{tmp}/net.onnx", "--clips", "{tmp}/nix.mp4"], "nix.mp4"),
        (["export", "{run}", "{tmp}/file/net.onnx"], "must be a folder that can be written"),
        (["export", "{onnx}", "{tmp}/net.onnx"], "is an exported file; give the run"),
        (["predict", "{onnx}", "x.mp4", "--k", "3"], "k is built into an .onnx file"),
        (["predict", "{onnx}", "x.mp4", "--device", "mps"], "device must be 'auto' or 'cpu'"),
        (["predict", "{tmp}/text.onnx", "x.mp4"], "text.onnx is no ONNX file or is damaged"),
        (["evaluate", "{onnx}", "--data", "x"], "data must be a folder or a list file, x does not"),
        (["info", "{tmp}/nix.onnx"], "nix.onnx does not exist"),
    ],
)
def test_mistakes_end_in_one_line(arguments, message, run, exported, tmp_path, capsys):
    (tmp_path / "file").touch()
    (tmp_path / "text.onnx").write_text("hello")
    filled = [a.format(tmp=tmp_path, run=run, onnx=exported) for a in arguments]
    assert main(filled) == 2
    err = capsys.readouterr().err
    assert err.startswith("motionlens: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "text.onnx"]
