"""Commands on a file system that is really full."""

import os
import shutil
import subprocess
import sys

import pytest
from lightning.pytorch.loggers.logger import DummyLogger

from motion_videos import write_dataset
from motionlens.cli.main import main
from motionlens.inference.recognizer import Recognizer

_SMALL = ["--model", "c2d_nano", "--model_options", "{widths: [8, 8, 8, 8]}", "--device", "cpu"]
_SMALL += ["--clip.size", "32", "--clip.num_frames", "4", "--loader.num_workers", "0"]


class Disk:
    """A file system of 2 MB."""

    def __init__(self, path):
        self.path, self._filler = path, path / "filler"

    def fill(self, room=0):
        """Leave no more than some bytes free."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        os.truncate(self._filler, self._filler.stat().st_size - room)

    def clear(self):
        """Make room."""
        self._filler.unlink()

    def files(self):
        """What else is there: names of files, and what is in them."""
        found = (path for path in sorted(self.path.rglob("*")) if path.is_file())
        return {
            str(path.relative_to(self.path)): path.read_bytes()
            for path in found
            if path != self._filler
        }


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(path)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def fails(capfd):
    """A command ends in one line that names what could not be written."""

    def run(words, place):
        capfd.readouterr()
        assert main([str(word) for word in words]) == 2
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"motionlens: error: {place}"), lines
        assert "No space left on device" in lines[0]
        assert lines[0].endswith("; make room and start again")

    return run


@pytest.mark.slow
@pytest.mark.parametrize("place", ["recipe.yaml", "tensorboard", "checkpoints/last.ckpt"])
def test_a_run_that_finds_no_room_can_be_resumed(place, disk, fails, tmp_path, monkeypatch):
    data, run = write_dataset(tmp_path / "data"), disk.path / "run"
    assert (
        main(["train", "--data", str(data), "--out", str(run), "--optim.epochs", "1", *_SMALL]) == 0
    )
    before = disk.files()
    if place == "checkpoints/last.ckpt":  # event files would take the room before it
        monkeypatch.chdir(tmp_path)  # a trainer without a logger makes one there
        monkeypatch.setattr(
            "motionlens.training.fit.TensorBoardLogger", lambda *_, **__: DummyLogger()
        )
        monkeypatch.setattr("motionlens.training.fit._write_hyperparameters", lambda *_: None)
    disk.fill({"recipe.yaml": 4096, "tensorboard": 12_288}.get(place, 80_000))
    resume = ["train", "--out", run, "--optim.epochs", "2", "--resume"]
    fails(resume, run / place)
    after = disk.files()
    assert not [name for name in after.keys() - before.keys() if "tensorboard" not in name]
    assert after["run/checkpoints/last.ckpt"] == before["run/checkpoints/last.ckpt"]
    Recognizer.from_pretrained(run, device="cpu")  # which may be that of the second epoch already
    disk.clear()
    assert main([str(word) for word in resume]) == 0


def test_a_folder_for_which_there_is_no_room_is_named(disk, fails, tmp_path):
    data = write_dataset(tmp_path / "data", videos_per_class=2)
    disk.fill()
    for words in (["train", "--data", data, *_SMALL], ["prepare", "folder", data]):
        fails([*words, "--out", disk.path / "new"], disk.path / "new")
    assert not [name for name in disk.files() if name.startswith("new/")]


def test_a_prepared_set_stays_whole(disk, fails, tmp_path):
    data, out = write_dataset(tmp_path / "data"), disk.path / "set"
    words = ["prepare", "folder", data, "--out", out, "--num_workers", "0"]
    assert main([str(word) for word in words]) == 0
    before = disk.files()
    shutil.rmtree(data / "static")
    disk.fill()
    fails(words, out)
    assert disk.files() == before
    disk.fill(4096)
    fails(words, out)
    assert disk.files().keys() == before.keys()


def test_embed_leaves_the_features_of_before(disk, fails, tmp_path):
    data, out = write_dataset(tmp_path / "data"), disk.path / "e.npy"
    words = ["embed", "bundled", data / "static", "--out", out, "--device", "cpu"]
    assert main([str(word) for word in words]) == 0
    before = disk.files()
    for room in (0, 4096):
        disk.fill(room)
        fails(words, out)
        assert disk.files() == before
