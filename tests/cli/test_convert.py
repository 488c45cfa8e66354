import json

import numpy as np
import pytest
import torch

from motionlens.inference.card import ModelCard
from motionlens.inference.recognizer import Recognizer
from motionlens.models.registry import create_model
from motionlens.models.weights.official import LICENSE, load_official, official_targets


def as_variables(model, *, time=True):
    """A network's weights as the authors' variables, with 5-D kernels or, of ImageNet, 2D ones."""
    variables = {}
    for name, entry in official_targets(model).items():
        value = model.state_dict()[entry].detach().clone()
        if value.dim() > 1:
            value = value.permute(*range(2, value.dim()), 1, 0)
        if name.endswith("weights") and "fc" not in name and time:
            while value.dim() < (5 if "pointnet/conv0" not in name else 4):
                value = value[None]
        variables[name] = value.numpy()
    return variables


def noisy(name, num_classes):
    model = create_model(name, num_classes=num_classes, conventions="official", stem_stride=1)
    torch.manual_seed(0)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.1)
    return model.eval()


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("left\nright\n\n")
    return path


@pytest.fixture
def imagenet(tmp_path):
    """A tensorpack file of a network with 2 classes and no biases, under tensorpack's names."""
    variables = as_variables(noisy("c2d_nano", 2), time=False)
    arrays = {}
    for name, value in variables.items():
        if name.endswith("biases") and name != "fc/biases":
            continue
        for ours, theirs in (
            ("fc/", "linear/"),
            ("/weights", "/W"),
            ("/biases", "/b"),
            ("/moving_mean", "/mean/EMA"),
            ("/moving_variance", "/variance/EMA"),
        ):
            name = name.replace(ours, theirs)
        arrays[name] = value
    path = tmp_path / "ImageNet.npz"
    np.savez(path, **arrays)
    return path, variables


def test_checkpoint_to_prediction(
    tmp_path, labels, write_tensorflow, make_video, motionlens_command
):
    source = noisy("cpnet_nano", 2)
    variables = as_variables(source)
    state = {f"{name}/Momentum": value for name, value in variables.items()}
    prefix = write_tensorflow(tmp_path / "model-0.ckpt", {**variables, **state})
    options = ["--model", "cpnet_nano", "--num-classes", 2, "--labels", labels, "--size", 64]
    status, out, err = motionlens_command("convert", prefix, *options, tmp_path / "out")
    assert (status, err) == (0, "")
    assert f"model-0.ckpt: {len(variables)} variables loaded, {len(state)} ignored" in out
    assert f"licence: {LICENSE}" in out
    recognizer = Recognizer.from_pretrained(tmp_path / "out")
    assert recognizer.class_names == ("left", "right")
    assert recognizer.card.license == LICENSE
    assert recognizer.card.options["stem_stride"] == 1
    clip = torch.rand(1, 3, 12, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(recognizer.model(clip), source(clip))
    assert LICENSE in (tmp_path / "out" / "README.md").read_text()
    video = make_video(num_frames=30)
    status, out, _ = motionlens_command("predict", tmp_path / "out", video, "--json", "--top", 2)
    assert status == 0
    assert len(json.loads(out)["predictions"]) == 2


def test_the_authors_network_gives_its_logits(
    tmp_path, official_network, write_tensorflow, motionlens_command
):
    variables = official_network.variables
    slots = {f"{n}/Momentum": v for n, v in variables.items() if "/moving_" not in n}
    counters = {"global_step": np.int64(1000), "Variable": np.float32(0.99)}
    prefix = write_tensorflow(tmp_path / "model-0.ckpt", {**variables, **slots, **counters})
    (tmp_path / "labels").write_text("\n".join(f"gesture {i}" for i in range(27)))
    options = ["--model", "cpnet_resnet34", "--num-classes", 27, "--labels", tmp_path / "labels"]
    status, out, _ = motionlens_command("convert", prefix, *options, tmp_path / "out")
    assert status == 0
    assert f"308 variables loaded, {len(slots) + 2} ignored" in out
    recognizer = Recognizer.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        logits = recognizer.model(official_network.clip)
    expected = torch.tensor(official_network.stored["logits"])
    # A near-tie between neighbours may fall either way.
    assert (logits - expected).norm() / expected.norm() < 1e-3


def test_imagenet_weights_with_their_head(tmp_path, imagenet, labels, motionlens_command):
    path, variables = imagenet
    status, out, err = motionlens_command(
        "convert", path, "--model", "c2d_nano", "--labels", labels, tmp_path / "out"
    )
    assert (status, err) == (0, "")
    assert "licence: motionlens does not know that of this file" in out
    assert "next: motionlens predict" in out
    expected = create_model("c2d_nano", num_classes=2, conventions="official").eval()
    for name in variables:
        if name.endswith("biases") and name != "fc/biases":
            variables[name] = np.zeros_like(variables[name])
    load_official(expected, variables)
    recognizer = Recognizer.from_pretrained(tmp_path / "out")
    for name, value in recognizer.model.state_dict().items():
        assert torch.equal(value, expected.state_dict()[name]), name


def test_imagenet_weights_as_a_start(tmp_path, imagenet, motionlens_command):
    status, out, err = motionlens_command(
        "convert", imagenet[0], "--model", "cpnet_nano", "--num_classes", 5, tmp_path / "out"
    )
    assert (status, err) == (0, "")
    assert "fresh: layer2.0.before_relu, layer3.0.before_relu, fc" in out
    assert "next: motionlens train --init" in out
    assert Recognizer.from_pretrained(tmp_path / "out").class_names == ("0", "1", "2", "3", "4")


@pytest.mark.parametrize(("classes", "size", "stem_stride"), [(27, 112, 1), (174, 224, 2)])
def test_sizes_follow_the_authors_data_sets(
    tmp_path, imagenet, motionlens_command, classes, size, stem_stride
):
    motionlens_command(
        "convert", imagenet[0], "--model", "c2d_nano", "--num-classes", classes, tmp_path / "out"
    )
    card = ModelCard.from_json((tmp_path / "out" / "config.json").read_text())
    assert (card.preprocessing.size, card.options["stem_stride"]) == (size, stem_stride)
    assert (card.sampling.num_frames, card.sampling.frame_stride) == (12, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "c2d_nan", "--num_classes", 2], "unknown model 'c2d_nan', did you mean 'c2d"),
        (["--model", "c2d_nano"], "labels or num_classes must be given"),
        (
            ["--model", "c2d_nano", "--labels", "absent"],
            "absent cannot be read: No such file or directory; give a text file",
        ),
        (["--model", "c2d_nano", "--labels", "labels.txt", "--num-classes", 3], "line per class"),
        (["--model", "c2d_nano", "--labels", "twice.txt"], "more than once: a"),
        (["--model", "c2d_resnet18", "--num_classes", 2], "must hold weights of the model's own"),
        (["--model", "c2d_nano", "--num_classes", 0], "class_names must be distinct and not empty"),
    ],
)
def test_refusals(tmp_path, imagenet, labels, motionlens_command, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "twice.txt").write_text("a\na\n")
    status, _, err = motionlens_command("convert", "ImageNet.npz", "out", *options)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_recognizer_is_not_overwritten_unasked(tmp_path, imagenet, motionlens_command):
    arguments = ["convert", imagenet[0], tmp_path / "out", "--model", "c2d_nano"]
    assert motionlens_command(*arguments, "--num_classes", 2)[0] == 0
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    status, _, err = motionlens_command(*arguments, "--num_classes", 3)
    assert status == 2
    assert "out must not hold a recognizer yet" in err
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before
    assert motionlens_command(*arguments, "--num_classes", 3, "--overwrite")[0] == 0
