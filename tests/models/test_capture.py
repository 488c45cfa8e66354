import pytest
import torch

from motionlens.models.capture import capture_proposals, correspondence_modules, inject_proposals
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.registry import create_model


@pytest.fixture
def network():
    model = create_model("cpnet_nano", num_classes=3).eval()
    for module in correspondence_modules(model).values():
        torch.nn.init.ones_(module.projection.norm.weight)
    return model


def test_modules_are_named_by_their_blocks(network):
    assert list(correspondence_modules(network)) == ["layer2.0", "layer3.0"]
    assert list(correspondence_modules(CorrespondenceProposal(4))) == [""]
    assert correspondence_modules(create_model("c2d_nano", num_classes=2)) == {}


def test_captured_proposals_put_back_give_the_same_logits(network):
    clips = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad(), capture_proposals(network) as seen:
        plain = network(clips)
    assert {name: tuple(p.indices.shape) for name, p in seen.items()} == {
        "layer2.0": (2, 4, 64, 4),
        "layer3.0": (2, 4, 16, 4),
    }
    indices = {name: proposals.indices for name, proposals in seen.items()}
    with torch.no_grad(), inject_proposals(network, indices):
        torch.testing.assert_close(network(clips), plain)
    flat = {"layer2.0": seen["layer2.0"].indices.flatten(1, 2).int()}
    with torch.no_grad(), inject_proposals(network, flat):
        torch.testing.assert_close(network(clips), plain)


def test_injected_proposals_are_used_and_gone_afterwards(network):
    clips = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        plain = network(clips)
        others = torch.zeros(1, 4, 16, 2, dtype=torch.int64)
        with inject_proposals(network, {"layer3.0": others}), capture_proposals(network) as seen:
            assert not torch.equal(network(clips), plain)
        assert torch.equal(seen["layer3.0"].indices, others)
        assert torch.equal(network(clips), plain)
    seen.clear()
    with torch.no_grad():
        network(clips)
    assert not seen


def test_captured_are_injected_proposals_whichever_came_first(network):
    others = torch.zeros(1, 4, 16, 2, dtype=torch.int64)
    with torch.no_grad(), capture_proposals(network) as seen:
        with inject_proposals(network, {"layer3.0": others}):
            network(torch.randn(1, 3, 4, 32, 32))
    assert torch.equal(seen["layer3.0"].indices, others)


def test_injected_proposals_need_no_search(network):
    network.block("layer3.0").before_relu.k = 1000
    others = torch.zeros(1, 4, 16, 2, dtype=torch.int64)
    with torch.no_grad(), inject_proposals(network, {"layer3.0": others}):
        network(torch.randn(1, 3, 4, 32, 32))


def test_refusals(network):
    fine = torch.zeros(1, 4, 16, 2, dtype=torch.int64)
    with (
        pytest.raises(ValueError, match=r"got 'layer3.1', did you mean 'layer3.0'\?"),
        inject_proposals(network, {"layer3.1": fine}),
    ):
        pass
    with (
        pytest.raises(ValueError, match="must be at least 0, got -1"),
        inject_proposals(network, {"layer3.0": fine - 1}),
    ):
        pass
    for bad in (fine + 64, fine[:, :2]):
        with (
            pytest.raises(ValueError, match=r"shape \(1, 4, 16, K\) and lie below T\*S = 64"),
            inject_proposals(network, {"layer3.0": bad}),
        ):
            network(torch.randn(1, 3, 4, 32, 32))
