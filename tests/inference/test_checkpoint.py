import huggingface_hub
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from motionlens import pretrained
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import (
    CARD_FILE,
    WEIGHTS_FILE,
    find_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from motionlens.inference.recognizer import Recognizer


@pytest.fixture
def saved(tmp_path):
    card = ModelCard(
        model="toy_cpnet",
        class_names=("a", "b"),
        options={"k": 2},
        sampling=Sampling(4),
        preprocessing=Preprocessing(32, 32),
    )
    model = card.build().eval()
    save_checkpoint(tmp_path / "run", model, card)
    return tmp_path / "run", model, card


def test_round_trip(saved):
    folder, model, card = saved
    loaded, loaded_card = load_checkpoint(folder)
    assert loaded_card == card
    assert not loaded.training
    clip = torch.randn(1, 3, 4, 32, 32)
    assert torch.equal(loaded(clip), model(clip))
    assert sorted(path.name for path in folder.iterdir()) == [CARD_FILE, WEIGHTS_FILE]


def test_equal_weights_are_equal_files_that_say_their_format(saved, tmp_path):
    folder, model, card = saved
    for number in range(5):  # safetensors itself writes metadata in any order
        save_checkpoint(tmp_path / str(number), model, card)
        again = (tmp_path / str(number) / WEIGHTS_FILE).read_bytes()
        assert again == (folder / WEIGHTS_FILE).read_bytes()
    with safe_open(folder / WEIGHTS_FILE, framework="pt") as file:
        assert file.metadata()["format"] == "pt"


@pytest.mark.parametrize("name", [CARD_FILE, WEIGHTS_FILE])
def test_missing_file(saved, name):
    (saved[0] / name).unlink()
    with pytest.raises(
        ValueError, match=f"holds no {name}; give a folder that 'motionlens train' wrote"
    ):
        load_checkpoint(saved[0])


def test_truncated_weights(saved):
    path = saved[0] / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is damaged: .*; copy it again"):
        load_checkpoint(saved[0])


def test_weights_of_another_network(saved):
    folder, _, card = saved
    path = folder / CARD_FILE
    path.write_text(
        card.to_json().replace("toy_cpnet", "toy_c2d").replace('"k": 2', '"head": "avg"')
    )
    with pytest.raises(ValueError, match="not hold the weights of toy_c2d: .* the first is core"):
        load_checkpoint(folder)


def test_altered_card(saved):
    path = saved[0] / CARD_FILE
    path.write_text("not json")
    with pytest.raises(ValueError, match="config.json cannot be used: a model card must be JSON"):
        load_checkpoint(saved[0])


def test_files_that_are_far_too_large(saved):
    """Of holes, as a file system that has them keeps them."""
    folder, _, _ = saved
    with (folder / "config.json").open("r+b") as card:
        card.truncate(10**11)
    with pytest.raises(ValueError, match="config.json cannot be used: a model card has at most"):
        load_checkpoint(folder)


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    folder, model, card = saved
    before = (folder / WEIGHTS_FILE).read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(folder, model, card)
    assert (folder / WEIGHTS_FILE).read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == [CARD_FILE, WEIGHTS_FILE]


def test_altered_weights(saved):
    path = saved[0] / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: its weights have been altered; copy it"):
        load_checkpoint(saved[0])


def test_foreign_weights(saved):
    (saved[0] / WEIGHTS_FILE).write_text("these are no weights")
    with pytest.raises(ValueError, match="is damaged: .*; copy it again"):
        load_checkpoint(saved[0])


def test_weights_of_older_versions_carry_no_checksum(saved):
    folder, model, _ = saved
    save_file(model.state_dict(), folder / WEIGHTS_FILE)
    loaded, _ = load_checkpoint(folder)
    assert torch.equal(loaded.fc.weight, model.fc.weight)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"k": 2', '"widths": [1000000000, 1000000000]', "config.json cannot be used: "),
        ('"a"', "1", r"class_names must be a list of strings, got \(1, 'b'\)"),
    ],
)
def test_absurd_cards(saved, old, new, message):
    path = saved[0] / CARD_FILE
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_checkpoint(saved[0])


def test_the_one_in_the_package_gives_way_to_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("bundled") == pretrained.bundled_path()
    (tmp_path / "bundled").mkdir()
    assert find_checkpoint("bundled").resolve() == tmp_path / "bundled"
    assert find_checkpoint("bundled_paths") == pretrained.bundled_path(pretrained.PATHS)


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
