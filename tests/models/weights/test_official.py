"""Networks and modules against the outputs of the authors' own graph, and the strict load."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from motionlens.models.capture import capture_proposals, inject_proposals
from motionlens.models.conventions import LayerFactory, find_conventions
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.registry import create_model
from motionlens.models.resize import resize_grid
from motionlens.models.weights.official import load_official
from motionlens.ops.pair_embedding import pair_responses
from motionlens.ops.proposals import gather_neighbors, pair_offsets


def relative(found, expected):
    expected = torch.as_tensor(expected, dtype=torch.float64)
    return ((found.double() - expected).norm() / expected.norm()).item()


def channels_first(array):
    return torch.tensor(array).permute(0, 4, 1, 2, 3)


def stored_module(folder, case):
    """A stored case and the module that it was computed with."""
    stored = np.load(folder / "oracle" / f"{case}.npz")
    meta = json.loads(str(stored["meta"]))
    module = CorrespondenceProposal(
        stored["input"].shape[-1],
        k=meta["k"],
        widths=meta["mlp"],
        bottleneck=meta.get("mlp0", [None])[0],
        downsample=meta["shrink_ratio"] or 1,
        offset_scale=1,
        eps=meta["eps"],
        conv_bias=True,
    )
    variables = {n.removeprefix("var/"): stored[n] for n in stored.files if n.startswith("var/")}
    report = load_official(module, variables, prefix=f"{case}/")
    assert report.loaded.keys() == variables.keys()
    assert report.ignored == ()
    return stored, meta, module


def same_candidates(module, features, indices, expected):
    """Whether two choices are at the same distances, however ties have fallen."""
    query = features[:, :, :, None]
    found, wanted = (
        (gather_neighbors(features, i) - query).square().sum(-1).sort(-1).values
        for i in (indices, expected)
    )
    return relative(found, wanted)


@pytest.mark.parametrize("case", ["cp_c256_k8", "cp_c512_b64_k4", "cp_c128_k8_s2"])
def test_module_in_inference(test_data, case):
    stored, _, module = stored_module(test_data, case)
    x = channels_first(stored["input"])
    with torch.no_grad(), capture_proposals(module.eval()) as seen:
        out = module.branch(x).permute(0, 2, 3, 4, 1)
    assert relative(out, stored["output"]) < 1e-5

    indices, distances = seen[""]
    B, T, S, K = indices.shape
    expected = torch.from_numpy(stored["knn_idx"]).long().view(B, T, S, K)
    assert torch.equal(indices.sort(-1).values, expected.sort(-1).values)
    with torch.no_grad():
        features, grid = module.searched_features(x)
        before = pair_responses(features, expected, grid, module.pair_layers())
    assert same_candidates(module, features.double(), indices, expected) < 1e-5
    wide = features.double()
    measured = (gather_neighbors(wide, indices) - wide[:, :, :, None]).square().sum(-1)
    assert relative(distances, measured) < 1e-5
    offsets = pair_offsets(expected, grid, dtype=torch.float32)
    assert relative(offsets.view(B, -1, K, 3), stored["coord_diff"]) < 1e-6
    assert relative(before.view(B, -1, K, before.shape[-1]), stored["before_max"]) < 1e-5
    assert (
        relative(before.amax(3).view(B, -1, before.shape[-1]), stored["after_max"][:, :, 0]) < 1e-5
    )


# The names of a module's layers, ours and theirs.
LAYERS = {"mlp.0": ("conv0", "conv0/bn"), "mlp.1": ("conv1", "conv1/bn")}
LAYERS["projection"] = ("conv_final", "bn_final")


def test_module_in_training(test_data):
    case = "cpt_c128_k8_s2"
    stored, meta, module = stored_module(test_data, case)
    for norm in (m for m in module.modules() if isinstance(m, torch.nn.BatchNorm1d)):
        norm.momentum = 1 - meta["bn_decay"]
    x = channels_first(stored["input"]).requires_grad_()
    with capture_proposals(module.train()) as seen:
        out = module.branch(x)
    out.backward(channels_first(stored["cotangent"]))
    assert relative(out.detach().permute(0, 2, 3, 4, 1), stored["output"]) < 1e-5
    assert relative(x.grad.permute(0, 2, 3, 4, 1), stored["grad_input"]) < 1e-5

    pairs = seen[""].indices.numel()
    for layer, (conv, bn) in LAYERS.items():
        part = module.get_submodule(layer)
        gradient = stored[f"grad/{case}/{conv}/weights"]
        assert relative(part.linear.weight.grad.T.reshape(gradient.shape), gradient) < 1e-5
        # A bias before a norm has no effect: its gradient is noise in both.
        assert part.linear.bias.grad.abs().max() < 1e-3
        assert np.abs(stored[f"grad/{case}/{conv}/biases"]).max() < 1e-3
        assert relative(part.norm.weight.grad, stored[f"grad/{case}/{bn}/gamma"]) < 1e-5
        assert relative(part.norm.bias.grad, stored[f"grad/{case}/{bn}/beta"]) < 1e-5
        assert relative(part.norm.running_mean, stored[f"after/{case}/{bn}/moving_mean"]) < 1e-5
        variance = part.norm.running_var.double()
        if layer == "projection":
            # Theirs keeps the biased variance of the batch there, PyTorch always the unbiased one.
            count = pairs // meta["k"]
            before = torch.tensor(stored[f"var/{case}/{bn}/moving_variance"]).double()
            kept = meta["bn_decay"] * before
            variance = kept + (variance - kept) * (count - 1) / count
        assert relative(variance, stored[f"after/{case}/{bn}/moving_variance"]) < 1e-5


def test_resize(test_data):
    stored = np.load(test_data / "oracle" / "tf_ops_resize_same.npz")
    cases = [name.removeprefix("in_") for name in stored.files if name.startswith("in_")]
    assert len(cases) == 6
    for case in cases:
        expected = stored[f"out_{case}"]
        found = resize_grid(torch.tensor(stored[f"in_{case}"]), expected.shape[1:3])
        assert relative(found, expected) < 1e-6, case


def test_padding(test_data):
    stored = np.load(test_data / "oracle" / "tf_ops_resize_same.npz")
    make = LayerFactory("c2d", find_conventions("official"))
    deep = LayerFactory("c3d", find_conventions("official"))
    cases = [n.removeprefix("same_in_") for n in stored.files if n.startswith("same_in_")]
    assert len(cases) == 9
    for case in cases:
        kernel, stride = (int(part[1:]) for part in case.split("_")[1:])
        x = torch.tensor(stored[f"same_in_{case}"]).permute(0, 3, 1, 2)
        weight = torch.tensor(stored[f"same_w_{case}"]).permute(3, 2, 0, 1)
        expected = torch.tensor(stored[f"same_conv_{case}"]).permute(0, 3, 1, 2)
        conv = make.conv(2, 3, kernel, stride)
        conv.load_state_dict({"weight": weight, "bias": torch.zeros(3)})
        with torch.no_grad():
            assert relative(conv(x), expected) < 1e-6, case
            # The same as a 3D kernel whose other frames are nothing.
            conv = deep.conv(2, 3, kernel, stride)
            conv.weight.zero_()
            conv.bias.zero_()
            conv.weight[:, :, conv.weight.shape[2] // 2] = weight
            assert relative(conv(x[:, :, None])[:, :, 0], expected) < 1e-6, case
        if (kernel, stride) == (3, 2):
            pooled = torch.tensor(stored[f"same_max_{case}"]).permute(0, 3, 1, 2)
            assert torch.equal(make.max_pool()(x), pooled)
            assert torch.equal(deep.max_pool()(x[:, :, None])[:, :, 0], pooled)


def test_torchvision_pads_by_half_a_kernel():
    make = LayerFactory("c2d", find_conventions("torchvision"))
    conv = make.conv(1, 1, 3, 2)
    x = torch.randn(1, 1, 8, 8)
    assert torch.equal(conv(x), F.conv2d(x, conv.weight, stride=2, padding=1))


@pytest.fixture(scope="module")
def network(official_network):
    """The authors' ResNet-34, its clip, and what their graph made of it."""
    model = create_model("cpnet_resnet34", num_classes=27, conventions="official", stem_stride=1)
    load_official(model.eval(), official_network.variables)
    return model, official_network.clip, official_network.stored, official_network.variables


def test_network(network):
    model, clip, stored, _ = network
    given = {
        f"layer{int(name[-3]) + 1}.{name[-1]}": torch.tensor(stored[name]).long()
        for name in stored.files
        if name.startswith("knn/")
    }
    with torch.no_grad():
        pooled = model.forward_features(clip)
        with inject_proposals(model, given):
            injected = model(clip)
    # Left to itself a near-tie may fall either way.
    assert relative(pooled, stored["pooled"]) < 1e-3
    assert relative(model.forward_head(pooled).detach(), stored["logits"]) < 1e-3
    assert relative(injected, stored["logits"]) < 1e-5


def test_network_with_silent_modules(network):
    _, clip, stored, variables = network
    plain = create_model("c2d_resnet34", num_classes=27, conventions="official", stem_stride=1)
    backbone = {name: value for name, value in variables.items() if "/pointnet/" not in name}
    load_official(plain, backbone)
    with torch.no_grad():
        assert relative(plain.eval()(clip), stored["logits_c2d"]) < 1e-5


def test_variables_left_over_missing_and_misshapen_are_listed(network):
    model, _, _, variables = network
    before = model.state_dict()["conv1.weight"].clone()
    odd = dict(variables)
    odd["conv0/weights"] = odd["conv0/weights"] * 2
    del odd["group3/block2/conv2/bn/beta"]
    odd["group4/block0/conv1/weights"] = np.zeros((1, 3, 3, 8, 8), np.float32)
    odd["fc/biases"] = np.zeros(5, np.float32)
    with pytest.raises(
        ValueError,
        match=r"1 missing: group3/block2/conv2/bn/beta; 1 left over: group4/block0/conv1/weights; "
        r"1 of another shape: fc/biases \(5,\) instead of \(27,\)",
    ):
        load_official(model, odd)
    assert torch.equal(model.state_dict()["conv1.weight"], before)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fc/weights", np.zeros((27, 512)), r"fc/weights \(27, 512\) instead of \(512, 27\)"),
        ("fc/biases", np.full(27, np.nan), "fc/biases holds NaN or inf"),
        ("conv0/bn/moving_variance", np.full(64, -1.0), "moving_variance is negative"),
        ("fc/biases", np.zeros(27, np.complex64), "fc/biases is complex64"),
        ("fc/biases", np.array(["a"] * 27), "fc/biases holds no numbers"),
    ],
)
def test_variables_with_wrong_numbers_are_listed(network, name, value, message):
    model, _, _, variables = network
    with pytest.raises(ValueError, match=message):
        load_official(model, {**variables, name: value})


def test_a_variable_under_two_names_is_refused(network):
    model, _, _, variables = network
    with pytest.raises(ValueError, match="named once each, got fc/biases twice"):
        load_official(model, {**variables, "fc/biases:0": np.zeros(27)})


def test_modules_of_another_form(test_data):
    stored = np.load(test_data / "oracle" / "cp_c128_k8_s2.npz")
    variables = {n.removeprefix("var/"): stored[n] for n in stored.files if n.startswith("var/")}
    options = {"downsample": 2, "conv_bias": True, "eps": 1e-3, "offset_scale": 1}

    def load(**changes):
        module = CorrespondenceProposal(128, **{**options, **changes})
        return load_official(module, variables, prefix="cp_c128_k8_s2/")

    load()
    with pytest.raises(ValueError, match="offset_scale=1 as the authors' have, got 16; build it"):
        load(offset_scale=16)
    with pytest.warns(UserWarning, match="epsilon of 0.001, this one's 1e-05: its answers will"):
        load(eps=1e-5)
    with pytest.warns(UserWarning, match="search by l2, this one's cosine: its answers will"):
        load(metric="cosine")


def test_training_state_is_ignored(network):
    model, _, _, variables = network
    state = {f"{name}/Momentum": value for name, value in variables.items() if "moving" not in name}
    state |= {"global_step": np.int64(7), "Variable": np.int32(3)}
    report = load_official(model, {f"{n}:0": v for n, v in (variables | state).items()})
    assert set(report.ignored) == set(state)
    assert len(report.loaded) == len(variables)
    assert f"{len(variables)} variables loaded, {len(state)} ignored" in str(report)


def test_one_module_out_of_a_network(network):
    model, _, _, variables = network
    module = CorrespondenceProposal(128, downsample=2, offset_scale=1, eps=1e-3, conv_bias=True)
    load_official(module, variables, prefix="group1/block2/pointnet/")
    own = model.block("layer2.2").before_relu.state_dict()
    for name, value in module.state_dict().items():
        assert torch.equal(value, own[name])
    with pytest.raises(ValueError, match="prefix must be the beginning .* got 'group9/'"):
        load_official(module, variables, prefix="group9/")


def test_networks_that_the_authors_do_not_have():
    with pytest.raises(ValueError, match="model must be a VideoResNet .* got ToyNet"):
        load_official(create_model("toy_c2d", num_classes=4), {"conv0/weights": np.zeros(1)})


COUNTS = {
    "resnet18": ((11_195_163, 11_270_574, 11_386_512), (11_384_091, 11_459_502, 11_575_440)),
    "resnet34": ((21_307_035, 21_382_446, 21_498_384), (21_571_227, 21_646_638, 21_762_576)),
    "resnet101": ((42_608_155, 42_909_358, 43_372_432), (43_657_243, 43_958_446, 44_421_520)),
}


@pytest.mark.parametrize("backbone", COUNTS)
@pytest.mark.parametrize(("form", "modules"), [("c2d", 0), ("cpnet", 1)])
def test_parameter_counts(backbone, form, modules):
    for number, classes in enumerate((27, 174, 400)):
        with torch.device("meta"):
            model = create_model(f"{form}_{backbone}", num_classes=classes, conventions="official")
        found = sum(parameter.numel() for parameter in model.parameters())
        assert found == COUNTS[backbone][modules][number]


def test_the_official_form_stores_its_offset_scale():
    from motionlens.models.registry import model_options

    assert model_options("cpnet_nano", conventions="official")["offset_scale"] == 1
    assert model_options("cpnet_nano", conventions="official", offset_scale=4)["offset_scale"] == 4
    model = create_model("cpnet_nano", num_classes=2, conventions="official")
    module = model.block("layer2.0").before_relu
    assert module.offset_scale == 1
    assert module.projection.norm.eps == 1e-3
