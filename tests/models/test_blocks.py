import copy

import pytest
import torch
from torch import nn

from motionlens.models.registry import create_model
from motionlens.ops.sync_batchnorm import convert_sync_batchnorm


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("name", ["cpnet_nano", "c3d_nano"])
def test_the_same_gradients_and_statistics(name, shares):
    # Not narrower: with 4 channels, one thread and channels-last, the backward pass of a strided
    # 1x1 convolution writes beyond its memory in torch 2.13.0 on CPUs (seen with AVX2).
    model = create_model(name, num_classes=3, widths=[8, 8, 8, 16], dropout=0.0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    if shares:
        convert_sync_batchnorm(model, torch.clone)
    other = copy.deepcopy(model)
    other.recompute_blocks()
    clip = torch.randn(2, 3, 4, 16, 16)
    for net in (model, other):
        net.train()(clip).square().sum().backward()
    for expected, found in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(found.grad, expected.grad)
    for (key, expected), found in zip(
        model.state_dict().items(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(found, expected), key


def test_what_is_in_a_block_is_not_stored():
    def stored(recompute):
        model = create_model("c2d_nano", num_classes=3, dropout=0.0)
        if recompute:
            model.recompute_blocks()
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda value: (sizes.append(value.numel()), value)[1], lambda value: value
        ):
            model.train()(torch.randn(1, 3, 4, 32, 32))
        return sum(sizes)

    assert stored(True) < 0.6 * stored(False)


def test_inference_is_as_ever():
    model = create_model("c2d_nano", num_classes=3).eval()
    clip = torch.randn(1, 3, 2, 16, 16)
    before = model(clip)
    model.recompute_blocks()
    assert torch.equal(model(clip), before)
