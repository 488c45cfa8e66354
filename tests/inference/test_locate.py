import huggingface_hub
import pytest

from motionlens import pretrained
from motionlens.inference.locate import find_checkpoint
from motionlens.inference.recognizer import Recognizer


def test_the_one_in_the_package_gives_way_to_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("bundled") == pretrained.bundled_path()
    (tmp_path / "bundled").mkdir()
    assert find_checkpoint("bundled").resolve() == tmp_path / "bundled"


def test_sources_that_are_no_recognizer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "runs").mkdir()
    with pytest.raises(ValueError, match="file is a file"):
        find_checkpoint("file")
    for name in ("nix", "runs/nix", "./a/b", tmp_path / "nix"):
        with pytest.raises(ValueError, match="does not exist; give a folder"):
            find_checkpoint(name)
    with pytest.raises(ValueError, match=r"holds no config\.json"):
        Recognizer.from_pretrained("runs")


def test_hub_failure_is_one_line(monkeypatch):
    def snapshot_download(name, allow_patterns):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(ValueError, match=r"owner/model is no folder here .*no route to host"):
        find_checkpoint("owner/model")
