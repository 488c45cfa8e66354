import shutil
import stat

import numpy as np
import pytest
import torch

from export_cards import small_recognizer
from motion_videos import CLASSES, write_video
from motionlens.export.exporting import export_recognizer
from motionlens.export.formats import load_exported
from motionlens.export.graph import prepare
from motionlens.export.parity import ParityError
from motionlens.inference.onnx_network import OnnxNetwork
from motionlens.inference.recognizer import Recognizer


def test_checked_on_noise_and_on_real_clips(tmp_path):
    write_video(tmp_path / "left.mp4", CLASSES["move_left"], seed=1)
    parity = export_recognizer(
        small_recognizer("toy_c2d"), tmp_path / "new" / "net.onnx", videos=[tmp_path / "left.mp4"]
    )
    shapes = [(row.name.rpartition("/")[2], row.shape[:3]) for row in parity]
    assert shapes == [("random", (1, 3, 4)), ("random", (3, 3, 4)), ("left.mp4", (1, 3, 4))]
    assert all(row.passes for row in parity)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["net.onnx"]
    assert OnnxNetwork(tmp_path / "new" / "net.onnx").input_shape == ("batch", 3, 4, 16, 16)


def test_failed_check_leaves_everything_as_it_was(tmp_path):
    path = tmp_path / "net.pt2"
    path.write_text("before")
    with pytest.raises(ParityError, match="must agree .* to -1 of the .*; nothing was written"):
        export_recognizer(small_recognizer("toy_c2d"), path, tolerance=-1)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("change", [1.01, -1.0])
def test_a_network_with_a_wrong_weight_is_refused(tmp_path, monkeypatch, change):
    def prepare_wrongly(model, implementation):
        model = prepare(model, implementation)
        if implementation == "reference":
            next(p for p in model.parameters() if p.ndim > 2).data.mul_(change)
        return model

    monkeypatch.setattr("motionlens.export.exporting.prepare", prepare_wrongly)
    clip = np.zeros((6, 16, 16, 3), np.uint8)  # flat: rounding decides everything
    with pytest.raises(ParityError, match="must agree"):
        export_recognizer(small_recognizer(), tmp_path / "net.pt2", videos=[clip])
    assert list(tmp_path.iterdir()) == []


def test_program_of_torch_export(tmp_path):
    path = tmp_path / "net.pt2"
    parity = export_recognizer(small_recognizer(), path, dynamic_frames=True)
    assert {row.shape[2] for row in parity} == {2, 4, 7}
    extra = {"motionlens": ""}
    program = torch.export.load(path, extra_files=extra)
    assert extra["motionlens"] == small_recognizer().card.to_json()
    clips = torch.randn(1, 3, 5, 16, 16)
    found, features = program.module()(clips)
    torch.testing.assert_close(found, small_recognizer().model(clips))
    assert features.shape == (1, 8)
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


NETWORKS = [
    ("toy_c3d", {"margin": 2}, 16),
    ("c2d_nano", {"widths": [4, 8, 8, 8]}, 16),
    (
        "cpnet_nano",
        {"widths": [4, 8, 8, 8], "halved": ["res3"], "metric": "cosine", "window": 1},
        32,
    ),
    ("cpnet_nano", {"widths": [4, 8, 8, 8], "metric": "dot", "causal": True}, 32),
    ("cpnet_resnet50", {"widths": [8, 8, 8, 16], "modules": {"res3": 1}}, 48),
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "options", "size"), NETWORKS)
def test_networks_and_options(model, options, size, tmp_path):
    recognizer = small_recognizer(model, options, size)
    path = tmp_path / "net.onnx"
    parity = export_recognizer(recognizer, path, dynamic_frames=True)
    assert max(row.relative for row in parity) < 1e-4
    assert Recognizer.from_pretrained(path).card == recognizer.card


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="AOTInductor needs a C++ compiler")
def test_compiled_for_this_machine(tmp_path):
    path = tmp_path / "net.pt2"
    export_recognizer(small_recognizer("toy_c2d"), path, aot=True)
    run = load_exported(path)
    assert run.get_metadata()["motionlens"] == small_recognizer("toy_c2d").card.to_json()
    assert run(torch.zeros(2, 3, 4, 16, 16))[0].shape == (2, 3)
