import torch

from cpnet.explanation import explain_clips
from cpnet.models.capture import capture_proposals, correspondence_modules
from cpnet.models.registry import create_model


def test_agrees_with_a_plain_count():
    torch.manual_seed(0)
    model = create_model("cpnet_nano", num_classes=2, k=3).eval()
    for module in correspondence_modules(model).values():
        torch.nn.init.ones_(module.projection.norm.weight)
    clips = torch.randn(2, 3, 4, 32, 32)
    found = explain_clips(model, clips)
    with torch.no_grad(), capture_proposals(model) as seen:
        model(clips)
    assert list(found) == ["layer2.0", "layer3.0"]
    for name, part in found.items():
        assert torch.equal(part.proposals.indices, seen[name].indices)
        module = correspondence_modules(model)[name]
        channels = module.projection.linear.in_features
        assert part.wins.shape == seen[name].indices.shape
        # Every channel with a response has one winner.
        assert (part.wins.sum(-1) <= channels).all()
        assert part.wins.sum() > 0
        assert part.change.shape == part.wins.shape[:3]


def test_change_is_the_norm_of_the_branch():
    torch.manual_seed(0)
    model = create_model("toy_cpnet", num_classes=2).eval()
    torch.nn.init.ones_(model.core.projection.norm.weight)
    clips = torch.randn(1, 3, 4, 16, 16)
    inputs = []
    hook = model.core.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with torch.no_grad():
        model(clips)
        branch = model.core.branch(inputs[0])
    hook.remove()
    (found,) = explain_clips(model, clips).values()
    torch.testing.assert_close(found.change, branch.norm(dim=1).flatten(2))


def test_a_network_without_modules_explains_nothing():
    assert (
        explain_clips(create_model("c2d_nano", num_classes=2).eval(), torch.zeros(1, 3, 2, 16, 16))
        == {}
    )
