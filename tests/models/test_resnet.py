import pytest
import torch
from torch import nn

from motionlens.models.backbones import Backbone
from motionlens.models.resnet import VideoResNet


class Negate(nn.Module):
    def __init__(self, socket):
        super().__init__()
        self.socket = socket
        self.shapes = []

    def forward(self, x):
        self.shapes.append(tuple(x.shape))
        return -x


def network(form):
    torch.manual_seed(0)
    options = {"widths": (4, 8, 8, 8), "stem": "small", "modules": {}}
    backbone = Backbone(block="basic", depths=(1, 1, 1, 1), **options)
    return VideoResNet(backbone, num_classes=2, form=form).eval()


@pytest.mark.parametrize("form", ["c2d", "c3d"])
@pytest.mark.parametrize("socket", ["before_conv1", "before_relu", "after_block"])
def test_plugins_see_clips_in_every_form_and_socket(form, socket):
    model, plugin = network(form), Negate(socket)
    clip = torch.randn(2, 3, 5, 16, 16)
    before = model(clip)
    model.attach("layer2.0", plugin)
    assert not torch.allclose(model(clip), before)
    channels, side = (4, 8) if socket == "before_conv1" else (8, 4)
    assert plugin.shapes == [(2, channels, 5, side, side)]


def test_c2d_does_not_see_the_order_of_frames_and_c3d_does():
    clip = torch.randn(1, 3, 6, 16, 16)
    for form, same in (("c2d", True), ("c3d", False)):
        model = network(form)
        assert torch.allclose(model(clip), model(clip.flip(2)), atol=1e-5) == same


def test_sockets_are_checked():
    model = network("c2d")
    with pytest.raises(ValueError, match="socket must be one of .*, got 'behind'"):
        model.attach("layer1.0", Negate("behind"))
    model.attach("layer1.0", Negate("after_block"))
    with pytest.raises(ValueError, match="socket after_block of block layer1.0 is taken"):
        model.attach("layer1.0", Negate("after_block"))
    with pytest.raises(ValueError, match="block must be one of layer1.0, .*got 'layer5.0'"):
        model.attach("layer5.0", Negate("after_block"))


def test_last_blocks():
    def names(depths, modules):
        backbone = Backbone(block="basic", depths=depths, widths=(8, 8, 8, 8), modules={})
        model = VideoResNet(backbone, num_classes=2)
        return model.block_names(modules)

    assert names((3, 4, 6, 3), {"res4": 1, "res3": 2}) == ["layer2.2", "layer2.3", "layer3.5"]
    assert names((2, 2, 2, 2), {"res5": 0}) == []
