import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

import motionlens
from export_cards import small_recognizer
from motion_videos import CLASSES, write_video
from motionlens.inference.onnx_network import OnnxNetwork
from motionlens.inference.recognizer import Recognizer


@pytest.fixture(scope="module")
def network(exported):
    return OnnxNetwork(exported)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "left.mp4"
    write_video(path, CLASSES["move_left"], seed=1)
    return path


def changed(exported, path, change):
    """A copy of the file, changed by ``change(proto)``."""
    proto = onnx.load(exported)
    change(proto)
    onnx.save(proto, path)
    return path


@pytest.mark.parametrize(("batch", "num_frames"), [(1, 4), (5, 4), (2, 2), (1, 9)])
def test_any_batch_and_number_of_frames(network, batch, num_frames):
    original = small_recognizer().model
    clips = torch.randn(batch, 3, num_frames, 16, 16)
    with torch.no_grad():
        features = original.forward_features(clips)
        logits = original(clips)
    torch.testing.assert_close(network(clips), logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network.forward_features(clips), features, rtol=1e-4, atol=1e-4)
    both = network.forward_both(clips)
    assert [tuple(output.shape) for output in both] == [(batch, 3), (batch, 8)]


def test_clips_of_another_layout_and_dtype(network):
    clips = torch.randn(2, 3, 16, 16, 4, dtype=torch.float64).permute(0, 1, 4, 2, 3)
    torch.testing.assert_close(network(clips), network(clips.float().contiguous()))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 4, 16, 15), r"shape \(batch, 3, num_frames, 16, 16\) .*got \(2, 3, 4, 16, 15\)"),
        ((3, 4, 16, 16), r"got \(3, 4, 16, 16\)"),
        ((2, 3, 1, 16, 16), "at least 2 frames .*got 1"),
    ],
)
def test_refused_clips(network, shape, message):
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(shape))


def test_recognizer_of_a_file_is_that_of_the_run(exported, video):
    original, loaded = small_recognizer(), Recognizer.from_pretrained(exported, device="auto")
    noise = np.random.default_rng(0).integers(0, 255, (8, 24, 32, 3), dtype=np.uint8)
    one, other = original.predict(noise), loaded.predict(noise)
    assert other.labels == one.labels
    assert other.probabilities == pytest.approx(one.probabilities, abs=1e-4)
    torch.testing.assert_close(loaded.embed(noise), original.embed(noise), rtol=1e-3, atol=1e-3)
    # The ground of the drawn video stands still; which of its ties are taken is left open.
    assert loaded.predict(video).label == original.predict(video).label
    assert loaded.card == original.card
    assert repr(loaded) == "Recognizer(toy_cpnet, 3 classes, device=cpu)"
    assert f"{exported}, opset=20" in repr(loaded.model)


def test_evaluation_takes_a_loaded_file(exported, tmp_path):
    for name in CLASSES:
        write_video(tmp_path / name / "0.mp4", CLASSES[name], seed=0)
    recognizer = Recognizer.from_pretrained(exported)
    report = motionlens.evaluate(recognizer, tmp_path, split="all", num_workers=0)
    assert report.num_videos == 3
    found = motionlens.evaluate(exported, tmp_path, split="all", num_workers=0)
    np.testing.assert_array_equal(report.probabilities, found.probabilities)


def test_what_a_file_cannot_do(exported, tmp_path):
    with pytest.raises(ValueError, match="k is built into an .onnx file and cannot be set to 4"):
        Recognizer.from_pretrained(exported, k=4)
    with pytest.raises(ValueError, match="device must be 'auto' or 'cpu' for an .onnx file"):
        Recognizer.from_pretrained(exported, device="cuda")
    recognizer = Recognizer.from_pretrained(exported)
    with pytest.raises(ValueError, match="k is built into an .onnx file and cannot be set to 4"):
        Recognizer(recognizer.model, recognizer.card, k=4)
    with pytest.raises(ValueError, match="dtype of an .onnx file is float32, got torch.bfloat16"):
        Recognizer.from_pretrained(exported, dtype=torch.bfloat16)
    with pytest.raises(ValueError, match="cannot be saved as a run; copy the file"):
        recognizer.save_pretrained(tmp_path / "run")


def test_files_that_are_no_onnx_files(exported, tmp_path):
    content = exported.read_bytes()
    for name, wrong in {
        "text": b"hello",
        "empty": b"",
        "cut": content[: len(content) // 2],
        "noise": bytes(range(256)) * 9,
    }.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=f"{name}.onnx is no ONNX file or is damaged: .*") as e:
            OnnxNetwork(path)
        assert "\n" not in str(e.value)
    with pytest.raises(ValueError, match="nix.onnx does not exist; give a file"):
        OnnxNetwork(tmp_path / "nix.onnx")


def test_altered_weights_are_noticed(exported, tmp_path):
    def change(proto):
        weight = max(proto.graph.initializer, key=lambda entry: len(entry.raw_data))
        weight.raw_data = bytes(len(weight.raw_data))

    path = changed(exported, tmp_path / "altered.onnx", change)
    with pytest.raises(ValueError, match="was altered after it was exported; export it again, or"):
        OnnxNetwork(path)

    def forget(proto):
        change(proto)
        kept = [p for p in proto.metadata_props if p.key != "motionlens_sha256"]
        del proto.metadata_props[:]
        proto.metadata_props.extend(kept)

    OnnxNetwork(changed(exported, tmp_path / "meant.onnx", forget))


def test_files_of_others(exported, tmp_path):
    def forget(proto):
        del proto.metadata_props[:]

    path = changed(exported, tmp_path / "bare.onnx", forget)
    with pytest.raises(ValueError, match="bare.onnx holds no model card; give a file that"):
        OnnxNetwork(path)

    value = helper.make_tensor_value_info
    x, y = (value(name, onnx.TensorProto.FLOAT, [1, 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", [x], [y])
    opset = helper.make_opsetid("", 20)
    other = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    for card, message in (
        (small_recognizer().card.to_json(), "must map 'clips' to 'logits' and 'features', got 'x'"),
        ("{}", "foreign.onnx cannot be used: a model card must be complete, it lacks model"),
    ):
        helper.set_model_props(other, {"motionlens": card})
        onnx.save(other, tmp_path / "foreign.onnx")
        with pytest.raises(ValueError, match=message):
            OnnxNetwork(tmp_path / "foreign.onnx")


BLOCKED = [
    "lightning", "torchmetrics", "tensorboard", "kornia", "matplotlib", "huggingface_hub",
    "safetensors", "onnx", "onnxscript",
]  # fmt: skip


def test_prediction_needs_none_of_the_training_dependencies(exported, video):
    code = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
from motionlens.cli.main import main
raise SystemExit(main(["predict", {str(exported)!r}, {str(video)!r}, "--json"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('{"path": ')


def test_without_onnxruntime_one_line_says_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[export\]'$"):
        Recognizer.from_pretrained(exported)


def test_metadata_that_is_no_text(exported, tmp_path, capfd):
    content = exported.read_bytes()
    path = tmp_path / "a.onnx"
    path.write_bytes(content.replace(b"class_names", b"class\xffnames"))
    with pytest.raises(ValueError, match=r"a\.onnx is damaged: its metadata is no text"):
        OnnxNetwork(path)
    path.write_bytes(content.replace(b"MatMul", b"Mat\xfful").replace(b"Relu", b"Re\xffu"))
    with pytest.raises(ValueError, match=r"a\.onnx"):
        OnnxNetwork(path)
    assert capfd.readouterr() == ("", "")
