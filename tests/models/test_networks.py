"""Every listed model: forward, backward, any number of frames, state dict, names of weights."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from motionlens.models.capture import correspondence_modules
from motionlens.models.registry import create_model, list_models, model_defaults

ALL = list_models()
LARGE = {name for name in ALL if "resnet50" in name or "resnet101" in name}
MODELS = [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in ALL]


def clips(name, num_frames=2, batch=2):
    size = 32 if "resnet" in name else 24
    channels = model_defaults(name).channels
    return torch.randn(batch, channels, num_frames, size, size)


def small(name, num_classes=3, **more):
    options = {"k": 1} if "cpnet" in name else {"width": 0.1} if name == "something_3d" else {}
    return create_model(name, num_classes=num_classes, **options, **more)


def test_the_models_of_the_paper_are_there():
    depths = ("resnet18", "resnet34", "resnet50", "resnet101", "nano")
    expected = {f"{form}_{depth}" for form in ("cpnet", "c2d") for depth in depths}
    expected |= {f"nl_c2d_{depth}" for depth in depths}
    kinds = ("c3d", "i3d", "artnet", "trn", "tsm", "mfnet", "two_stream", "mff")
    expected |= {f"{kind}_{depth}" for kind in kinds for depth in ("resnet18", "resnet34", "nano")}
    cores = ("cpnet", "c2d", "c3d", "i3d", "nl", "artnet", "trn", "tsm", "mfnet")
    assert expected | {f"toy_{core}" for core in cores} | {"something_3d"} <= set(ALL)


@pytest.mark.parametrize("name", MODELS)
def test_forward_backward_and_state(name):
    torch.manual_seed(0)
    model = small(name).train()
    for module in model.modules():
        if isinstance(module, _BatchNorm):  # of a fresh plug-in: nothing below has a gradient
            torch.nn.init.ones_(module.weight)
    logits = model(clips(name))
    assert logits.shape == (2, 3)
    F.cross_entropy(logits, torch.tensor([0, 2])).backward()
    for parameter, value in model.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.isfinite().all(), parameter
        assert value.grad.any(), parameter
    model.eval()
    other = small(name)
    other.load_state_dict(model.state_dict())
    x = clips(name, batch=1)
    with torch.no_grad():
        assert torch.equal(other.eval()(x), model(x))
        features = model.forward_features(x)
        assert features.shape == (1, model.num_features)
        assert torch.equal(model.forward_head(features), model(x))


@pytest.mark.parametrize("name", [n for n in ALL if n not in LARGE])
def test_any_number_of_frames_and_odd_sizes(name):
    model = small(name).eval()
    with torch.no_grad():
        for num_frames in (3, 5):
            assert model(clips(name, num_frames, batch=1)[..., :-3, :-5]).shape == (1, 3)


@pytest.mark.parametrize("depth", ["resnet18", "resnet50"])
def test_parameter_names_are_torchvision_s(depth):
    names = create_model(f"c2d_{depth}", num_classes=1000).state_dict()
    assert names["conv1.weight"].shape == (64, 3, 7, 7)
    assert names["layer2.0.downsample.0.weight"].shape[2:] == (1, 1)
    assert {"bn1.running_var", "layer1.0.conv1.weight", "layer4.1.bn2.bias", "fc.bias"} <= set(
        names
    )
    count = sum(value.numel() for name, value in names.items() if "running" not in name)
    count -= sum("num_batches_tracked" in name for name in names)
    assert count == {"resnet18": 11_689_512, "resnet50": 25_557_032}[depth]


def test_modules_add_their_parameters_only():
    plain = create_model("c2d_resnet34", num_classes=5).state_dict()
    with_modules = create_model("cpnet_resnet34", num_classes=5).state_dict()
    assert set(plain) < set(with_modules)
    added = {name.split(".before_relu")[0] for name in set(with_modules) - set(plain)}
    assert added == {"layer2.2", "layer2.3", "layer3.3", "layer3.4", "layer3.5"}


def test_modules_that_start_at_zero_change_nothing():
    plain = small("c2d_nano").eval()
    x = clips("cpnet_nano")
    for scale, is_identity in ((0.0, True), (0.5, False)):
        model = small("cpnet_nano", initial_scale=scale).eval()
        plain.load_state_dict(model.state_dict(), strict=False)
        assert torch.allclose(model(x), plain(x), atol=1e-5) == is_identity


@pytest.mark.parametrize(("conventions", "scale"), [("torchvision", 0.5), ("official", 0.0)])
def test_how_modules_start_follows_from_the_conventions(conventions, scale):
    model = create_model("cpnet_resnet18", num_classes=2, conventions=conventions)
    for module in correspondence_modules(model).values():
        assert (module.projection.norm.weight == scale).all()


def test_number_stage_and_k_of_modules_are_options():
    model = create_model("cpnet_resnet18", num_classes=2, modules={"res4": 1, "res5": 1}, k=3)
    found = correspondence_modules(model)
    assert list(found) == ["layer3.1", "layer4.1"]
    assert {module.k for module in found.values()} == {3}
    assert not correspondence_modules(create_model("cpnet_resnet18", num_classes=2, modules={}))
    named = create_model("cpnet_resnet18", num_classes=2, modules=["layer2.0"])
    assert correspondence_modules(named)["layer2.0"].downsample == 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cpnet_resnet43", {}, r"unknown model 'cpnet_resnet43', did you mean 'cpnet_resnet34'\?"),
        ("cpnet_nano", {"kk": 2}, r"cpnet_nano has no option 'kk', did you mean 'k'\?"),
        ("c2d_nano", {"k": 2}, "c2d_nano has no option 'k'"),
        ("cpnet_nano", {"modules": {"res6": 1}}, "stage must be one of res2, .*, got 'res6'"),
        ("cpnet_nano", {"modules": {"res4": 2}}, "res4 has 1 blocks, got 2 modules"),
        ("cpnet_nano", {"modules": ["layer9.0"]}, "block must be one of layer1.0, .*'layer9.0'"),
        ("cpnet_nano", {"halved": ["res9"]}, "halved must name stages among res2"),
        ("cpnet_nano", {"conventions": "caffe"}, "conventions must be one of torchvision"),
        ("toy_cpnet", {"head": "median"}, "head must be one of max, avg, got 'median'"),
        ("toy_c2d", {"strides": (1,)}, "must name 2 layers"),
    ],
)
def test_refusals(name, options, message):
    with pytest.raises(ValueError, match=message):
        create_model(name, num_classes=2, **options)


def test_a_clip_of_another_shape_is_refused():
    with pytest.raises(
        ValueError, match=r"clip must have shape \(B, 3, T, H, W\), got \(3, 8, 8\)"
    ):
        small("c2d_nano")(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="num_classes must be a whole number of at least 1, got 0"):
        create_model("c2d_nano", num_classes=0)


@pytest.mark.parametrize("name", ["toy_c2d", "toy_trn"])
def test_a_margin_makes_a_sealed_toy_network_blind_to_place(name):
    torch.manual_seed(0)
    model = create_model(name, num_classes=4, strides=(1, 1), margin=4, head="avg").eval()
    first, second = torch.zeros(2, 1, 3, 2, 16, 16)
    first[..., 0:2, 0:2] = 1
    second[:, :, 0, 9:11, 5:7] = second[:, :, 1, 4:6, 12:14] = 1
    torch.testing.assert_close(model(first), model(second))
