import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export_cards import small_recognizer
from motion_videos import CLASSES, write_video
from motionlens.datasets.source import DataSource
from motionlens.export.exporting import export_recognizer
from motionlens.export.int8 import Int8Check, Int8Error, export_int8, quantise
from motionlens.inference.evaluation import evaluate
from motionlens.inference.onnx_network import OnnxNetwork
from motionlens.inference.recognizer import Recognizer


@pytest.fixture(scope="module")
def recognizer():
    return small_recognizer("toy_c2d")


@pytest.fixture(scope="module")
def quantised(parted_videos, recognizer, tmp_path_factory):
    """The file, and what was found."""
    path = tmp_path_factory.mktemp("int8") / "net.onnx"
    return path, export_int8(recognizer, path, calibrate=parted_videos, max_loss=1)


def test_convolutions_alone_are_quantised_with_seven_bits(exported, tmp_path):
    path = tmp_path / "net.onnx"
    assert quantise(exported, path, torch.randn(3, 3, 4, 16, 16)) == 3
    graph = onnx.load(path).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    from_int8: dict[str, list[bool]] = {}
    for node in graph.node:
        is_quantised = [makers.get(name) == "DequantizeLinear" for name in node.input[:2]]
        from_int8.setdefault(node.op_type, []).append(all(is_quantised))
    assert from_int8["Conv"] == [True, True]
    for name in ("MatMul", "Gemm", "TopK", "Gather"):
        assert not any(from_int8[name])
    values = [onnx.numpy_helper.to_array(entry) for entry in graph.initializer]
    weights = [array for array in values if array.dtype == np.int8 and array.ndim == 4]
    assert len(weights) == 2
    for weight in weights:
        # The largest of each channel is at the end of its range.
        assert set(np.abs(weight.astype(int)).max(axis=(1, 2, 3))) <= {63, 64}
    # A batch, and another number of frames.
    logits, features = OnnxNetwork(path).forward_both(torch.randn(2, 3, 5, 16, 16))
    assert (logits.shape, features.shape) == ((2, 3), (2, 8))


def test_what_was_found_is_what_evaluation_finds(quantised, parted_videos, recognizer):
    path, check = quantised
    assert (check.num_calibration, check.num_validation) == (12, 12)
    before, after = (evaluate(each, parted_videos, num_workers=0) for each in (recognizer, path))
    assert check.right_before == round(12 * before.top1)
    assert check.right_after == round(12 * after.top1)
    change = np.abs(before.probabilities - after.probabilities).max()
    assert check.largest_change == pytest.approx(change, abs=1e-6)
    assert 0 < change < 0.1
    assert OnnxNetwork(path).int8 == check.to_dict()


def test_the_file_is_one_of_ours(quantised, parted_videos, recognizer):
    path, _ = quantised
    onnx.checker.check_model(onnx.load(path), full_check=True)
    loaded = Recognizer.from_pretrained(path)
    assert loaded.card == recognizer.card
    session = onnxruntime.InferenceSession(path)
    logits, features = session.run(None, {"clips": np.zeros((3, 3, 4, 16, 16), np.float32)})
    assert (logits.shape, features.shape) == ((3, 3), (3, 8))
    altered = path.with_name("altered.onnx")
    altered.write_bytes(path.read_bytes().replace(b"num_calibration", b"num_calibratiom"))
    with pytest.raises(ValueError, match="was altered after it was exported"):
        OnnxNetwork(altered)


@pytest.mark.slow
def test_a_network_with_modules(parted_videos, tmp_path):
    options = {"widths": [8, 8, 8, 16], "modules": {"res3": 1}, "k": 2}
    recognizer = small_recognizer("cpnet_nano", options)
    path = tmp_path / "net.onnx"
    check = export_int8(recognizer, path, calibrate=parted_videos, max_loss=1)
    report = evaluate(path, parted_videos, num_workers=0)
    assert check.right_after == round(12 * report.top1)
    assert 0 < check.largest_change < 0.1
    # In so small a network the graph takes more than the weights.
    assert check.megabytes_after < check.megabytes_before


def test_float_files_say_nothing_of_int8(exported):
    assert OnnxNetwork(exported).int8 is None


def test_outputs_are_as_near_as_eight_bits_allow(tmp_path):
    """A network without a search, in which quantising cannot choose other neighbours."""
    net, small = tmp_path / "net.onnx", tmp_path / "small.onnx"
    export_recognizer(small_recognizer("toy_c3d"), net)
    clips = torch.randn(6, 3, 4, 16, 16)
    quantise(net, small, clips)
    wanted, found = OnnxNetwork(net).forward_both(clips), OnnxNetwork(small).forward_both(clips)
    for one, other in zip(found, wanted, strict=True):
        assert 1e-4 < (one - other).norm() / other.norm() < 0.1
    # Ranges that were taken from fainter clips cut these off.
    quantise(net, small, clips / 100)
    _, features = OnnxNetwork(small).forward_both(clips)
    assert (features - wanted[1]).norm() / wanted[1].norm() > 0.2


def test_a_network_that_loses_is_refused(parted_videos, tmp_path, monkeypatch):
    """Ranges that were taken from flat clips make all clips alike."""

    def quantise_badly(path, out, clips):
        return quantise(path, out, (clip * 1e-4 for clip in clips))

    recognizer, listed = _right_on_all(parted_videos, tmp_path)
    monkeypatch.setattr("motionlens.export.int8.quantise", quantise_badly)
    path = tmp_path / "net.onnx"
    path.write_text("before")
    with pytest.raises(Int8Error, match="nothing was written: calibrate on clips like") as caught:
        export_int8(recognizer, path, calibrate=parted_videos / "train", validation=listed)
    check = caught.value.check
    assert check.right_before == check.num_validation == 12
    assert check.right_after < 11
    assert path.read_text() == "before"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["named.csv", "net.onnx"]


def _right_on_all(parted_videos, tmp_path):
    """A recognizer that gives several labels, and a list with the label that it gives each."""
    recognizer = small_recognizer("toy_c2d")
    videos = sorted(parted_videos.glob("validation/*/*.mp4"))
    clips = torch.stack([recognizer.load_clip(video) for video in videos])
    with torch.no_grad():
        recognizer.model.fc.bias -= recognizer.logits(clips).mean(0)
    recognizer = Recognizer(recognizer.model, recognizer.card)
    names = [recognizer.class_names[label] for label in recognizer.logits(clips).argmax(1)]
    assert len(set(names)) > 1
    rows = [f"{video},{name}" for video, name in zip(videos, names, strict=True)]
    (tmp_path / "named.csv").write_text("\n".join(["path,label", *rows]))
    return recognizer, tmp_path / "named.csv"


CHECK = Int8Check(
    num_calibration=100, num_validation=200, right_before=180, right_after=180, lost=0,
    same_label=200, largest_change=0.1, megabytes_before=4, megabytes_after=1, max_loss=0.01,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"right_after": 178}, True),
        ({"right_after": 177}, False),
        ({"right_after": 177, "max_loss": 0.02}, True),
        ({"right_after": 190}, True),
        ({"same_label": 180}, True),
        ({"same_label": 179}, False),
        # Of few clips one may always change.
        ({"num_validation": 10, "right_before": 9, "right_after": 8, "same_label": 9}, True),
        ({"num_validation": 10, "right_before": 9, "right_after": 7, "same_label": 8}, False),
        ({"num_validation": 10, "right_before": 9, "right_after": 9, "same_label": 8}, False),
        ({"largest_change": float("nan")}, False),
    ],
)
def test_the_rule(changes, passes):
    assert replace(CHECK, **changes).passes == passes


def test_the_run_s_own_data_is_the_default(parted_videos, tmp_path):
    path = tmp_path / "net.onnx"
    recognizer = small_recognizer("toy_c2d")
    check = export_int8(recognizer, path, DataSource(data=str(parted_videos)), max_loss=1)
    assert check.num_calibration == check.num_validation == 12
    with pytest.raises(ValueError, match="int8 needs labelled videos, and no run folder names"):
        export_int8(recognizer, path)


def test_few_clips_and_wrong_arguments(parted_videos, tmp_path):
    recognizer, path = small_recognizer("toy_c2d"), tmp_path / "net.onnx"
    for name, step in CLASSES.items():
        for number in range(4):
            write_video(tmp_path / "few" / name / f"{number}.mp4", step, seed=number)
    message = "at least 10 labelled clips to compare on, in the validation part, got 3; add videos"
    with pytest.raises(ValueError, match="to calibrate on, in the training part, got 9; add"):
        export_int8(recognizer, path, calibrate=tmp_path / "few")
    with pytest.raises(ValueError, match=message):
        export_int8(
            recognizer,
            path,
            calibrate=parted_videos / "train",
            validation=_three(tmp_path, parted_videos),
        )
    with pytest.raises(ValueError, match="int8 is for .onnx files, got net.pt2; change the suffix"):
        export_int8(recognizer, tmp_path / "net.pt2", calibrate=parted_videos)
    with pytest.raises(ValueError, match="max_loss must be at least 0 and at most 1, got 2"):
        export_int8(recognizer, path, calibrate=parted_videos, max_loss=2)
    other = small_recognizer("toy_c2d", class_names=("wave", "swipe"))
    with pytest.raises(ValueError, match="class 'move_left' is not known"):
        export_int8(other, path, calibrate=parted_videos)
    assert not path.exists()


def test_onnxruntime_is_asked_for_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"^onnxruntime is needed .*'\.\[export\]'$"):
        export_int8(small_recognizer("toy_c2d"), tmp_path / "net.onnx", calibrate="nowhere")


def _three(tmp_path, parted_videos):
    rows = [f"{parted_videos}/validation/{name}/0.mp4,{name}" for name in CLASSES]
    (tmp_path / "three.csv").write_text("\n".join(["path,label", *rows]))
    return tmp_path / "three.csv"
