import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import motionlens
import motionlens.cli.main
from motion_videos import tiny_recipe, write_dataset, write_video
from motionlens.cli.main import COMMANDS, main
from motionlens.training.recipe import OptimConfig
from motionlens.training.recipe_files import load_recipe, save_recipe


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("videos"))


@pytest.fixture(scope="module")
def run(videos, tmp_path_factory):
    """A run folder that `motionlens train` has written."""
    folder = tmp_path_factory.mktemp("cli")
    recipe = tiny_recipe(videos, folder / "run", optim=OptimConfig(epochs=1, batch_size=4))
    save_recipe(recipe, folder / "recipe.yaml")
    assert main(["train", "--config", str(folder / "recipe.yaml"), "--quiet"]) == 0
    return folder / "run"


def is_one_error(err):
    return err.startswith("motionlens: error: ") and err.count("\n") == 1


def test_whole_way_from_training_to_prediction(videos, tmp_path, motionlens_command):
    save_recipe(tiny_recipe(videos, "elsewhere"), tmp_path / "recipe.yaml")
    run = tmp_path / "run"
    options = ["--config", tmp_path / "recipe.yaml", "--out", run, "--optim.epochs", "1"]
    status, out, err = motionlens_command("train", *options)
    assert (status, err) == (0, "")
    assert "epoch 1/1  train loss" in out
    assert f"next: motionlens evaluate {run}" in out
    assert load_recipe(run / "recipe.yaml").optim.epochs == 1

    status, out, _ = motionlens_command("train", "--out", run, "--resume", "--optim.epochs", "2")
    assert status == 0
    assert "epoch 2/2" in out
    assert "epoch 1/2" not in out

    status, out, err = motionlens_command("evaluate", run, "--out", tmp_path / "report", "--k", "3")
    assert (status, err) == (0, "")
    assert "top-1" in out
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["num_videos"] == 3
    assert (tmp_path / "report" / "confusion.png").stat().st_size > 1000

    status, out, err = motionlens_command("predict", run, videos / "static", "--top", "2")
    assert (status, err) == (0, "")
    assert out.count(".mp4") == 4


def test_predict_json_has_one_line_a_file(run, videos, motionlens_command):
    files = [videos / "static" / "0.mp4", videos / "move_left" / "1.mp4"]
    status, out, _ = motionlens_command("predict", run, *files, "--json", "--top", "9", "--k", "1")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [line["path"] for line in lines] == [str(file) for file in files]
    assert sum(p["probability"] for p in lines[0]["predictions"]) == pytest.approx(1, abs=1e-5)


def test_predict_passes_over_broken_files(run, videos, tmp_path, motionlens_command):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    (tmp_path / "empty").mkdir()
    good = videos / "static" / "0.mp4"
    status, out, err = motionlens_command(
        "predict", run, broken, good, tmp_path / "empty", "--json"
    )
    assert status == 1
    assert json.loads(out)["path"] == str(good)
    assert sorted("broken.mp4" in line for line in err.splitlines()) == [False, True]
    assert all(line.startswith("motionlens: error: ") for line in err.splitlines())
    status, out, err = motionlens_command("predict", run, broken)
    assert (status, out) == (2, "")
    assert is_one_error(err)


def test_warnings_are_one_line(run, tmp_path, motionlens_command):
    write_video(tmp_path / "still.mp4", (0, 0), seed=0, num_frames=1)
    status, _, err = motionlens_command("predict", run, tmp_path / "still.mp4")
    assert status == 0
    assert err.startswith("motionlens: warning: ")
    assert "one frame" in err
    assert err.count("\n") == 1


def test_evaluate_json_and_split(run, motionlens_command):
    status, out, _ = motionlens_command("evaluate", run, "--split", "train", "--json")
    assert status == 0
    assert json.loads(out)["num_videos"] == 9


def test_info_lists_models_and_describes_models_and_runs(run, motionlens_command):
    status, out, _ = motionlens_command("info")
    assert status == 0
    assert "cpnet_resnet34" in out
    assert "21.75 M" in out
    status, out, _ = motionlens_command("info", "cpnet_nano", "--num_classes", "7")
    assert status == 0
    assert "layer2.0" in out
    assert "8 frames of 64x64" in out
    status, out, _ = motionlens_command("info", run)
    assert status == 0
    assert "classes        3: move_left, move_right, static" in out
    assert "parameters     5,341" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian', did you mean 'train'?"),
        (["--nope"], "unknown option '--nope'"),
        (["train", "--out", "x"], "required: --data"),
        (["train", "--data", "x", "--out", "y", "--optim.lrr", "3"], "did you mean '--optim.lr'?"),
        (
            ["train", "--data", "x", "--out", "y", "--optim.lr", "fast"],
            "must be a number, got fast",
        ),
        (["train", "--data", "x", "--out", "y", "--k", "2.5"], "k must be a whole number, got 2.5"),
        (["train", "--data", "x", "--out", "y", "--k", "0"], "k must be at least 1, got 0"),
        (["train", "--data", "nix", "--out", "{tmp}/y"], "nix does not exist"),
        (["train", "--data", "x", "--out", "{tmp}/file/y"], "out must be a folder that can be"),
        (["train", "--data", "x", "--out", "{run}"], "must not hold a run yet"),
        (["train", "--data", "x", "--out", "{tmp}/y", "--resume"], "to resume from"),
        (["train", "--config", "{tmp}/nix.yaml"], "nix.yaml: No such file"),
        (["train", "--config", "{tmp}/bad.yaml"], "unknown key modell, did you mean 'model'?"),
        (["train", "--data", "{videos}", "--out", "{tmp}/y", "--k", "99999"], "k must be at most"),
        (["train", "--data", "{videos}", "--out", "{tmp}/y", "--model", "cpnet_nan"], "cpnet_nano"),
        (["evaluate"], "required"),
        (["evaluate", "nix"], "nix does not exist"),
        (["evaluate", "{tmp}"], "holds no config.json"),
        (["evaluate", "{run}", "--data", "nix"], "nix does not exist"),
        (["evaluate", "{run}", "--split", "test"], "split must be 'train' or 'validation' where"),
        (["evaluate", "{run}", "--split", "tset"], "invalid choice: 'tset'"),
        (["evaluate", "{run}", "--views", "8*6"], "views must be CLIPSxCROPS such as 8x6"),
        (["evaluate", "{run}", "--views", "1x4"], "crops must be one of 1, 3, 5, 6, 8, 10 or full"),
        (["evaluate", "{run}", "--size", "99"], "short_side must be at least size = 99"),
        (["evaluate", "{run}", "--submission", "{tmp}/file/x"], "submission must be in a folder"),
        (["evaluate", "{run}", "--out", "{tmp}/file"], "out must be a folder"),
        (["evaluate", "{run}", "--k", "99999"], "k must be at most"),
        (["predict", "{run}"], "no video is given; usage: motionlens predict [RUN] FILE..."),
        (
            ["predict", "{empty}"],
            "holds neither videos nor a recognizer; usage: motionlens predict",
        ),
        (["explain", "{run}", "rtsp://a/b"], "for a stream: motionlens watch rtsp://a/b"),
        (["predict", "nodir"], "nodir does not exist; usage: motionlens predict [RUN] FILE..."),
        (["predict", "bundled"], "no video is given; usage: motionlens predict"),
        (["predict"], "no video is given; usage: motionlens predict [RUN] FILE..."),
        (["predict", "videos.csv"], "takes videos, got the list videos.csv; for the videos that"),
        (["embed", "--out", "{tmp}/f.npy"], "no video is given; usage: motionlens embed"),
        (["embed", "{empty}", "--out", "{tmp}/f.npy"], "holds neither videos nor a recognizer"),
        (["embed", "rtsp://a/b", "--out", "{tmp}/f.npy"], "a stream: motionlens watch rtsp://a/b"),
        (
            ["evaluate", "https://a/b.mp4"],
            "holds no recognizer; usage: motionlens evaluate RUN --data",
        ),
        (["evaluate", "{videos}"], "holds no recognizer; usage: motionlens evaluate RUN --data"),
        (["predict", "rtsp://u:secret@a/b"], "motionlens watch rtsp://u:***@a/b"),
        (["predict", "s3://u:secret@a/b.mp4"], "must hold no key, password or signature"),
        (
            ["train", "--data", "{videos}", "--out", "s3://a/b"],
            "out must be a path of this machine",
        ),
        (["train", "--data", "ftp://a/b", "--out", "{tmp}/y"], "ftp:// is not read"),
        (["prepare", "folder", "rtsp://a/b"], "for a stream: motionlens watch rtsp://a/b"),
        (["prepare", "{videos}"], "for your own videos: motionlens prepare folder"),
        (["watch", "{empty}"], "holds neither videos nor a recognizer"),
        (["watch", "{run}", "a.mp4", "b.mp4"], "watch takes one source, got 2: a.mp4, b.mp4"),
        (["info", "cpnet_nano", "c3d_nano"], "unexpected argument: c3d_nano"),
        (["train", "clips"], "unexpected argument: clips; videos are named as --data clips"),
        (
            ["train", "--data", "x", "--out", "y", "--clip", "{{num_frames:8}}"],
            "clip must be a mapping with a space after each colon, got {num_frames:8}; or set "
            "--clip.num_frames",
        ),
        (
            ["train", "--data", "x", "--out", "y", "--model.options", "{{k:3}}"],
            "unknown option --model.options, did you mean '--model_options'?",
        ),
        (
            ["train", "--data", "x", "--out", "y", "--augment.ratio", "1"],
            "augment.ratio must be a list in brackets such as [1, 2], got 1",
        ),
        (["serve", "{videos}"], "run must name a recognizer"),
        (
            ["train", "--data", "{videos}", "--out", "{tmp}/y", "--model_options", "{{k:4}}"],
            "a mapping such as {name: value}, with a space after the colon",
        ),
        (
            ["evaluate", "{run}", "--views", "1x10", "--flip_pairs", "{{left:right}}"],
            "flip_pairs must name classes, as in {left: right} with a space after the colon",
        ),
        (["predict", "nix", "x.mp4"], "nix does not exist"),
        (["predict", "{tmp}", "x.mp4"], "holds no config.json"),
        (["predict", "{run}", "nix.mp4"], "nix.mp4"),
        (
            ["predict", "{run}", "x.mp4", "--top", "0"],
            "top must be a whole number of at least 1, got 0",
        ),
        (["predict", "{run}", "x.mp4", "--device", "tpu"], "--device"),
        (["predict", "{run}", "x.mp4", "--topp", "1"], "did you mean '--top'?"),
        (["info", "cpnet_nan"], "did you mean 'cpnet_nano'?"),
        (["info", "{tmp}"], "holds no config.json"),
    ],
)
def test_mistakes_end_in_one_line_and_status_2(
    arguments, message, run, videos, tmp_path, motionlens_command
):
    (tmp_path / "file").touch()
    (tmp_path / "bad.yaml").write_text("modell: x")
    (tmp_path / "empty").mkdir()
    places = {"tmp": tmp_path, "run": run, "videos": videos, "empty": tmp_path / "empty"}
    filled = [a.format(**places) for a in arguments]
    status, _, err = motionlens_command(*filled)
    assert status == 2
    assert is_one_error(err), err
    assert message in err


def test_help_names_every_command_and_version(motionlens_command):
    status, out, _ = motionlens_command("--help")
    assert status == 0
    assert all(f"  {name} " in out for name in COMMANDS)
    assert motionlens_command()[0] == 2
    assert motionlens_command("--version")[:2] == (0, f"motionlens {motionlens.__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, motionlens_command):
    status, out, _ = motionlens_command(command, "--help")
    assert status == 0
    assert f"usage: motionlens {command}" in out
    assert "--debug" in out


def test_bugs_and_interrupts(monkeypatch, motionlens_command):
    def fail(error):
        def dispatch(_):
            raise error

        monkeypatch.setattr(motionlens.cli.main, "_dispatch", dispatch)

    fail(RuntimeError("two\nlines"))
    status, _, err = motionlens_command("info")
    assert (status, is_one_error(err)) == (2, True)
    assert "unexpected RuntimeError: two lines; --debug shows where" in err
    status, _, err = motionlens_command("info", "--debug")
    assert status == 2
    assert "Traceback" in err
    fail(KeyboardInterrupt())
    assert motionlens_command("info")[0] == 130


def test_help_needs_no_torch():
    code = (
        "import sys; from motionlens.cli.main import main; main(['-h']); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)


def test_a_reader_that_leaves_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    code = "from motionlens.cli.main import main; raise SystemExit(main(['motion', '--list']))"
    result = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has a device that is full")
def test_a_full_disk_names_standard_output(monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["--version"]) == 2
    assert capsys.readouterr().err == (
        "motionlens: error: standard output: cannot be written (No space left on device); make "
        "room and start again\n"
    )


def test_resuming_without_a_run(tmp_path, motionlens_command):
    status, _, err = motionlens_command("train", "--out", tmp_path / "absent", "--resume")
    assert status == 2
    assert is_one_error(err)
    assert "absent holds no checkpoints/last.ckpt to resume from; leave --resume out" in err


def test_abbreviated_options_are_not_guessed(motionlens_command):
    status, _, err = motionlens_command("train", "--data", "x", "--out", "y", "--optim.epoch", 3)
    assert status == 2
    assert is_one_error(err)
    assert "unknown option --optim.epoch, did you mean '--optim.epochs'?" in err


def test_a_value_of_the_wrong_kind(motionlens_command):
    status, _, err = motionlens_command(
        "train", "--data", "x", "--out", "y", "--augment.horizontal_flip", "a"
    )
    assert status == 2
    assert err.startswith(
        "motionlens: error: augment.horizontal_flip must be a mapping such as {name: value}, "
        "with a space after the colon, got a"
    )


def test_either_spelling_of_an_option(motionlens_command):
    ours = motionlens_command("info", "c2d_nano", "--num_classes", 3)
    assert ours[0] == 0
    assert motionlens_command("info", "c2d_nano", "--num-classes", 3) == ours
    assert motionlens_command("info", "c2d_nano", "--num-classes=3") == ours


def test_an_empty_name_is_no_folder(run, motionlens_command):
    status, _, err = motionlens_command("predict", run, "")
    assert status == 2
    assert is_one_error(err)
    assert "a file's name must not be empty" in err


def test_a_signal_ends_a_command_and_leaves_no_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("MOTIONLENS_SHOWN_WARNINGS", raising=False)

    def work(arguments):
        assert len(list(tmp_path.iterdir())) == 1
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr(motionlens.cli.main, "_dispatch", work)
    with pytest.raises(SystemExit) as leave:
        main(["info"])
    assert leave.value.code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
