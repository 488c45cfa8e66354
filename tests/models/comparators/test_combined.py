import pytest
import torch

from motionlens.models.comparators.temporal_shift import TemporalShift
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.registry import create_model


def plugins(model, socket):
    return [type(getattr(block, socket)) for _, block in model.blocks() if getattr(block, socket)]


def test_modules_in_3d_convolutions():
    model = create_model("cpnet_c3d_nano", num_classes=3)
    assert model.form == "c3d"
    assert plugins(model, "before_relu") == [CorrespondenceProposal] * 2
    extra = sum(p.numel() for p in model.parameters()) - sum(
        p.numel() for p in create_model("c3d_nano", num_classes=3).parameters()
    )
    assert 0 < extra < 20_000


def test_modules_beside_shifts():
    model = create_model("cpnet_tsm_nano", num_classes=3, divisor=4)
    assert plugins(model, "before_relu") == [CorrespondenceProposal] * 2
    shifts = plugins(model, "before_conv1")
    assert shifts == [TemporalShift] * len(model.blocks())
    assert model.block("layer1.0").before_conv1.part == model.block("layer1.0").inputs // 4


@pytest.mark.parametrize("name", ["cpnet_c3d_nano", "cpnet_tsm_nano"])
def test_without_their_modules_they_are_the_other_network(name):
    other = create_model(name.removeprefix("cpnet_"), num_classes=3).eval()
    model = create_model(name, num_classes=3, modules={}).eval()
    model.load_state_dict(other.state_dict())
    clip = torch.randn(1, 3, 4, 32, 32)
    torch.testing.assert_close(model(clip), other(clip))
