import pytest
import torch
import torch.nn.functional as F
from torch import nn

from motionlens.models.registry import create_model, model_defaults


def test_the_size_of_the_publication():
    # The poster counts 22.2 M, in units of 2 ** 20; that is the eleven convolutions.
    with torch.device("meta"):
        model = create_model("something_3d", num_classes=174)
    convs = [module for module in model.modules() if isinstance(module, nn.Conv3d)]
    assert len(convs) == 11
    assert sum(conv.weight.numel() for conv in convs) / 2**20 == pytest.approx(22.2, abs=0.05)
    defaults = model_defaults("something_3d")
    assert (defaults.num_frames, defaults.size) == (72, 84)


def test_against_plain_operations():
    model = create_model("something_3d", num_classes=3, width=0.05).eval()
    x = clip = torch.randn(1, 3, 3, 20, 20)
    strides = [2, 1, 2, 1, 1, 2, 1, 1, 2, 1, 2]
    groups = [module for module in model.features if isinstance(module, nn.Sequential)]
    for number, ((conv, norm, _), stride) in enumerate(zip(groups, strides, strict=True)):
        side = 2 if number == 0 else 1
        x = F.conv3d(x, conv.weight, stride=(1, stride, stride), padding=(1, side, side))
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        x = (x * scale.view(1, -1, 1, 1, 1)).clamp_min(0)
    torch.testing.assert_close(model(clip), model.fc(x.mean((2, 3, 4))))


def test_whole_channels_are_dropped_in_training():
    model = create_model("something_3d", num_classes=3, width=0.1)
    drops = [module for module in model.modules() if isinstance(module, nn.Dropout3d)]
    assert [drop.p for drop in drops] == [0.2] * 4


def test_refusals():
    with pytest.raises(ValueError, match="width must be above 0, got 0"):
        create_model("something_3d", num_classes=3, width=0)
    model = create_model("something_3d", num_classes=3, width=0.1)
    with pytest.raises(ValueError, match=r"clip must have shape \(B, 3, T, H, W\), got \(3, 8\)"):
        model(torch.zeros(3, 8))
