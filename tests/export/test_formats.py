import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import motionlens
from export_cards import small_recognizer
from motionlens.export.formats import _frexp, find_writer, load_exported
from motionlens.inference.card import ModelCard


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("net.pth", {}, "must end in .onnx or .pt2, got net.pth; the suffix chooses the format"),
        ("net", {}, "must end in .onnx or .pt2, got net;"),
        ("folder.onnx", {}, "folder.onnx must be a file, it is a folder"),
        ("net.onnx", {"aot": True}, "aot makes a .pt2 file, got net.onnx"),
        ("net.pt2", {"opset": 20}, "opset is for .onnx files, got net.pt2; leave it out"),
        ("net.onnx", {"opset": 17}, r"opset must be at least 18 and at most \d+, got 17"),
        ("net.onnx", {"opset": 99}, r"opset must be at least 18 and at most \d+, got 99"),
    ],
)
def test_refusals(name, options, message, tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ValueError, match=message):
        find_writer(tmp_path / name, **{"opset": 20, "aot": False, **options})


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_missing_packages(package, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"^{package} is needed .*'\.\[export\]'$"):
        find_writer(tmp_path / "net.onnx", opset=20, aot=False)
    find_writer(tmp_path / "net.pt2", opset=None, aot=False)  # needs none of them


def test_onnx_file_says_what_it_is(exported):
    proto = onnx.load(exported, load_external_data=False)
    onnx.checker.check_model(proto, full_check=True)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    assert ModelCard.from_json(metadata["motionlens"]) == small_recognizer().card
    assert (metadata["license"], metadata["opset"], metadata["min_frames"]) == (
        "CC-BY-4.0",
        "20",
        "2",
    )
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 20)]
    assert proto.producer_name == "motionlens"
    assert all(entry.data_location == onnx.TensorProto.DEFAULT for entry in proto.graph.initializer)


def test_file_holds_no_paths_of_the_machine_that_wrote_it(exported):
    assert str(Path(motionlens.__file__).parent).encode() not in exported.read_bytes()


def test_file_works_from_plain_onnxruntime(exported):
    session = onnxruntime.InferenceSession(exported)
    card = json.loads(session.get_modelmeta().custom_metadata_map["motionlens"])
    assert (card["size"], card["mean"][0]) == (16, pytest.approx(0.485))
    (clips,) = session.get_inputs()
    assert clips.shape == ["batch", 3, "num_frames", 16, 16]
    logits, features = session.run(None, {"clips": np.zeros((2, 3, 5, 16, 16), np.float32)})
    assert (logits.shape, features.shape) == ((2, 3), (2, 8))


def test_frexp_scales_by_powers_of_two():
    x = torch.tensor([0.0, 1e-30, 0.3, 0.5, 1.0, 3.0, 4.0, 1e30, math.inf])
    mantissa, exponent = _frexp(x)
    wanted = torch.frexp(x)
    assert (exponent - wanted.exponent)[:-1].abs().max() <= 1
    assert torch.equal(torch.ldexp(mantissa, exponent), x)


def test_files_that_cannot_be_loaded(tmp_path):
    (tmp_path / "text.pt2").write_text("hello")
    for name in ("text.pt2", "nix.pt2"):
        with pytest.raises(ValueError, match=re.escape(name) + " cannot be loaded: .*again"):
            load_exported(tmp_path / name)
