from concurrent.futures import ThreadPoolExecutor

import torch

from motionlens.explain.correspondences import explain_clips, run_explained
from motionlens.models.capture import capture_proposals, correspondence_modules
from motionlens.models.registry import create_model


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


def test_one_clip_of_a_batch():
    torch.manual_seed(0)
    model = create_model("toy_cpnet", num_classes=2).eval()
    clips = torch.randn(2, 3, 4, 8, 8)
    (both,) = explain_clips(model, clips).values()
    (second,) = explain_clips(model, clips[1:]).values()
    alone = both.of_clip(1)
    assert alone.grid == (4, 4)
    assert alone.channels == model.core.projection.linear.in_features
    torch.testing.assert_close(alone, second.of_clip(0))
    assert alone.wins.shape == (4, 16, alone.k)


def test_another_k_leaves_the_network_as_it_is():
    torch.manual_seed(0)
    model = create_model("toy_cpnet", num_classes=2, k=4).eval()
    torch.nn.init.ones_(model.core.projection.norm.weight)
    clips = torch.randn(1, 3, 4, 8, 8)
    with torch.no_grad():
        before = model(clips)
        logits, found = run_explained(model, clips)
        fewer, _ = run_explained(model, clips, k=1)
        assert torch.equal(model(clips), before)
    assert torch.equal(logits, before)
    assert found["core"].k == 4
    assert not torch.equal(fewer, before)
    model.core.k = 1
    with torch.no_grad():
        assert torch.equal(model(clips), fewer)
    assert not model.core._forward_pre_hooks


def test_threads_do_not_mix_clips():
    torch.manual_seed(0)
    model = create_model("toy_cpnet", num_classes=2).eval()
    clips = torch.randn(8, 1, 3, 4, 8, 8)
    alone = [explain_clips(model, clip)["core"] for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda clip: explain_clips(model, clip)["core"], clips))
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.proposals.indices, other.proposals.indices)
        assert torch.equal(one.wins, other.wins)
