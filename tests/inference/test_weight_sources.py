import os
import pickle
import zipfile

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import save_checkpoint
from motionlens.inference.weight_sources import read_weights

STATE = {"conv1.weight": torch.arange(4.0).view(2, 2), "fc.bias": torch.ones(3)}


def assert_is_state(weights):
    assert weights.state.keys() == STATE.keys()
    for name, value in STATE.items():
        assert torch.equal(weights.state[name], value)


@pytest.fixture
def card():
    names = ("a", "b")
    return ModelCard(
        model="toy_c2d",
        class_names=names,
        sampling=Sampling(4),
        preprocessing=Preprocessing(32, 32),
    )


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": {f"module.{name}": value for name, value in STATE.items()}},
    ],
    ids=["plain", "nested", "wrapped"],
)
def test_pytorch_file(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    weights, found_card = read_weights(tmp_path / "w.pth")
    assert_is_state(weights)
    assert found_card is None
    assert weights.origin == str(tmp_path / "w.pth")


def test_safetensors_file(tmp_path):
    save_file(STATE, tmp_path / "w.safetensors")
    assert_is_state(read_weights(tmp_path / "w.safetensors")[0])


def test_folder_of_ours(tmp_path, card):
    model = card.build()
    save_checkpoint(tmp_path, model, card)
    weights, found_card = read_weights(tmp_path)
    assert found_card == card
    assert torch.equal(weights.state["conv1.weight"], model.conv1.weight)


def test_the_weights_file_of_a_folder_of_ours_goes_with_its_card(tmp_path, card):
    save_checkpoint(tmp_path, card.build(), card)
    assert read_weights(tmp_path / "model.safetensors")[1] == card


def test_hub_model_of_another_library(tmp_path, monkeypatch):
    save_file(STATE, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')

    def snapshot_download(name, allow_patterns):
        assert name == "timm/resnet18.a1_in1k"
        assert "model.safetensors" in allow_patterns
        return tmp_path

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    weights, found_card = read_weights("hub:timm/resnet18.a1_in1k")
    assert_is_state(weights)
    assert found_card is None
    assert weights.origin == "hub:timm/resnet18.a1_in1k"


def test_older_hub_model(tmp_path):
    torch.save(STATE, tmp_path / "pytorch_model.bin")
    assert_is_state(read_weights(tmp_path)[0])


def test_tensorpack_file(tmp_path):
    names = ["conv0/W", "conv0/bn/mean/EMA", "conv0/bn/variance/EMA", "conv0/bn/gamma", "linear/b"]
    np.savez(tmp_path / "w.npz", **{name: np.zeros(1) for name in names})
    weights, _ = read_weights(tmp_path / "w.npz")
    assert list(weights.variables) == [
        "conv0/weights",
        "conv0/bn/moving_mean",
        "conv0/bn/moving_variance",
        "conv0/bn/gamma",
        "fc/biases",
    ]


class Trap:
    """Would leave a trace if it were unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(tmp_path, how):
    path, trap = tmp_path / "w.pth", Trap(tmp_path / "trace")
    if how == "torch":
        torch.save({"conv1.weight": trap}, path)
    else:
        path.write_bytes(pickle.dumps({"conv1.weight": trap}))
    with pytest.raises(ValueError, match=r"w.pth is damaged or holds more than tensors, .* code"):
        read_weights(path)
    assert not trap.trace.exists()


def test_code_in_an_npz_is_not_run(tmp_path):
    trap = Trap(tmp_path / "trace")
    np.savez(tmp_path / "w.npz", **{"conv0/W": np.array([trap], dtype=object)})
    with pytest.raises(ValueError, match=r"w.npz is damaged or no .npz file of arrays"):
        read_weights(tmp_path / "w.npz")
    assert not trap.trace.exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".npz"])
@pytest.mark.parametrize("content", ["text", "truncated", "empty"])
def test_damaged_files(tmp_path, suffix, content):
    path = tmp_path / f"w{suffix}"
    {
        ".pth": lambda: torch.save(STATE, path),
        ".safetensors": lambda: save_file(STATE, path),
        ".npz": lambda: np.savez(path, **{"conv0/W": np.zeros(100)}),
    }[suffix]()
    whole = path.read_bytes()
    path.write_bytes({"text": b"no weights", "truncated": whole[:-60], "empty": b""}[content])
    with pytest.raises(ValueError, match=r"w\.\w+ is damaged"):
        read_weights(path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.pth", "absent.pth does not exist; give a checkpoint's folder, a file"),
        ("w.txt", "must be a file with one of the endings .pth, .pt,"),
        ("folder", "folder holds no model.safetensors; give a folder or model that does"),
        ("hub:", "a model on the hub must be named owner/name, got ''"),
        ("list.pth", "must hold a network's state_dict.., got a list without named tensors"),
    ],
)
def test_what_is_no_weights(tmp_path, name, message):
    (tmp_path / "w.txt").touch()
    (tmp_path / "folder").mkdir()
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match=message):
        read_weights(name if name.startswith("hub:") else tmp_path / name)


@pytest.mark.parametrize("text", ["[]", "{", '{"class_names": ["a", "a"], "model": "toy_c2d"}'])
def test_a_damaged_card_is_not_left_out_in_silence(tmp_path, card, text):
    save_checkpoint(tmp_path, card.build(), card)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match="config.json cannot be used"):
        read_weights(tmp_path)


def test_names_that_are_no_text(tmp_path):
    torch.save({1: torch.zeros(2)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="got a dict without named tensors"):
        read_weights(tmp_path / "w.pth")


def test_arrays_that_are_no_numbers(tmp_path):
    np.savez(tmp_path / "w.npz", **{"conv0/W": np.array(["a"])})
    with pytest.raises(ValueError, match="must hold arrays of numbers, conv0/W is of <U1"):
        read_weights(tmp_path / "w.npz")


def test_archives_with_other_members_or_none_or_that_expand(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path)
    with pytest.raises(ValueError, match="it holds none"):
        read_weights(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conv0/W", b"no array")
    with pytest.raises(ValueError, match="conv0/W is none"):
        read_weights(path)
    np.savez_compressed(path, a=np.zeros(10_000_000, np.float32))
    with pytest.raises(ValueError, match="expands to 40,000,"):
        read_weights(path)
    save_file({}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="it holds none"):
        read_weights(tmp_path / "a.safetensors")
