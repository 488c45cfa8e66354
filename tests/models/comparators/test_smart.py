import pytest
import torch
import torch.nn.functional as F
from torch import nn

from motionlens.models.comparators.smart import SmartConv
from motionlens.models.registry import create_model


def block():
    conv = create_model("artnet_nano", num_classes=2, widths=(4, 6, 8, 8)).block("layer2.0").conv2
    for norm in (conv.appearance[1], conv.relation[1], conv.pooling.norm):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias)
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 1.5)
    return conv.eval()


def normed(x, norm):
    shape = (1, -1, 1, 1, 1)
    x = (x - norm.running_mean.view(shape)) / (norm.running_var.view(shape) + norm.eps).sqrt()
    return x * norm.weight.view(shape) + norm.bias.view(shape)


def test_against_plain_operations():
    smart, clip = block(), torch.randn(2, 6, 4, 5, 5)
    frames = clip.transpose(1, 2).flatten(0, 1)
    weight = smart.appearance[0].weight[:, :, 0]
    looks = F.conv2d(frames, weight, padding=1).view(2, 4, 6, 5, 5).transpose(1, 2)
    looks = normed(looks, smart.appearance[1])
    # A kernel of 3 frames is three kernels of one frame, on clips moved by a frame.
    kernel = smart.relation[0].weight
    padded = F.pad(clip, (0, 0, 0, 0, 1, 1))
    moves = sum(
        F.conv2d(padded[:, :, t : t + 4].transpose(1, 2).flatten(0, 1), kernel[:, :, t], padding=1)
        for t in range(3)
    )
    moves = normed(moves.view(2, 4, 6, 5, 5).transpose(1, 2), smart.relation[1])
    pairs = [(moves[:, 2 * i] ** 2 + moves[:, 2 * i + 1] ** 2) * 0.5 for i in range(3)]
    pooled = normed(torch.stack(pairs, 1), smart.pooling.norm)
    both = torch.cat([looks, pooled], 1).clamp_min(0)
    expected = torch.einsum("oc,bcthw->bothw", smart.reduce.weight[..., 0, 0, 0], both)
    torch.testing.assert_close(smart(clip), expected, rtol=1e-4, atol=1e-4)


def test_arrangements():
    def places(arrangement):
        with torch.device("meta"):
            model = create_model("artnet_resnet18", num_classes=2, arrangement=arrangement)
        return [name for name, module in model.named_modules() if isinstance(module, SmartConv)]

    assert places("single") == ["conv1"]
    every = [f"layer{layer}.{block}.conv2" for layer in (1, 2, 3, 4) for block in (0, 1)]
    assert places("dense") == ["conv1", *every]


def test_stem_is_three_frames_long():
    with torch.device("meta"):
        stem = create_model("artnet_resnet18", num_classes=2).conv1
    assert stem.appearance[0].weight.shape == (64, 3, 1, 7, 7)
    assert stem.relation[0].weight.shape == (64, 3, 3, 7, 7)
    assert stem.reduce.weight.shape == (64, 96, 1, 1, 1)


@pytest.mark.parametrize("name", ["artnet_nano", "toy_artnet"])
def test_refusals(name):
    with pytest.raises(ValueError, match="arrangement must be one of single, dense, got 'both'"):
        create_model(name, num_classes=2, arrangement="both")
    with pytest.raises(ValueError, match="outputs must be even, their channels are paired, got 5"):
        create_model(name, num_classes=2, widths=(5, 4, 4, 4) if "nano" in name else (5, 4))
