import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from motionlens.models.capture import capture_proposals, inject_proposals
from motionlens.models.optimize import optimize
from motionlens.models.registry import create_model, list_models, model_defaults


def noisy(name, **options):
    """A network with statistics and scales that a norm must not lose."""
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, **options)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize("name", [n for n in list_models() if "101" not in n])
def test_same_answers_without_norms(name):
    options = {"width": 0.1} if name == "something_3d" else {}
    model = noisy(name, **options)
    clip = torch.randn(2, model_defaults(name).channels, 4, 32, 32)
    if "artnet" in name:  # squares of squares overflow without statistics, and magnify rounding
        model, clip = model.double(), clip.double()
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = 1.0
        model(clip)
    model.eval()
    fast = optimize(model)
    with torch.no_grad():
        torch.testing.assert_close(fast(clip), model(clip), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, _BatchNorm) for module in fast.modules())


def test_the_official_form():
    model = noisy("cpnet_nano", conventions="official").eval()
    clip = torch.randn(2, 3, 4, 33, 31)
    with torch.no_grad():
        torch.testing.assert_close(optimize(model)(clip), model(clip), rtol=1e-4, atol=1e-4)


def test_the_original_stays_as_it_is():
    model = noisy("cpnet_nano")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fast = optimize(model)
    assert model.training
    assert not fast.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("name", ["toy_cpnet", "toy_c2d", "toy_c3d", "c3d_nano"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_every_network_takes_clips_of_float32(name, dtype):
    model = noisy(name).eval()
    clip = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        found, expected = optimize(model, dtype=dtype)(clip), model(clip)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)


def test_half_precision_takes_clips_of_float32():
    model = noisy("cpnet_nano").eval()
    fast = optimize(model, dtype=torch.bfloat16)
    clip = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        with capture_proposals(model) as seen:
            expected = model(clip)
        # On noise, rounded features have other nearest neighbours.
        with inject_proposals(fast, {name: found.indices for name, found in seen.items()}):
            found = fast(clip)
    assert found.dtype == torch.bfloat16
    assert (found.float() - expected).norm() / expected.norm() < 0.05


def test_proposals_can_be_watched():
    fast = optimize(noisy("cpnet_nano"))
    with torch.no_grad(), capture_proposals(fast) as seen:
        fast(torch.randn(1, 3, 4, 32, 32))
    assert list(seen) == ["layer2.0", "layer3.0"]
