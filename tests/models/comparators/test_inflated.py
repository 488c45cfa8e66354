import pytest
import torch
from torch import nn

from motionlens.models.backbones import Backbone
from motionlens.models.comparators.inflated import InflatedLayers
from motionlens.models.registry import create_model
from motionlens.models.resnet import VideoResNet
from motionlens.models.weights.transfer import inflate


def lengths(model):
    """Frames of each convolution by name, where they are more than one."""
    return {
        name: module.kernel_size[0]
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv3d) and module.kernel_size[0] > 1
    }


def test_every_second_block_looks_back_and_on():
    blocks = ["layer1.0", "layer2.0", "layer3.0", "layer4.0"]
    expected = {"conv1": 5, **{f"{block}.conv1": 3 for block in blocks}}
    assert lengths(create_model("i3d_resnet18", num_classes=2)) == expected
    assert lengths(create_model("i3d_nano", num_classes=2)) == {
        "conv1": 3, "layer1.0.conv1": 3, "layer3.0.conv1": 3
    }  # fmt: skip


def test_kernels_of_a_bottleneck_are_long_in_time_alone():
    widths = (4, 4, 4, 4)
    backbone = Backbone(block="bottleneck", depths=(2, 1, 1, 1), widths=widths, modules={})
    model = VideoResNet(backbone, num_classes=2, form="c3d", layers=InflatedLayers)
    assert list(lengths(model)) == ["conv1", "layer1.0.conv1", "layer2.0.conv1", "layer4.0.conv1"]
    assert model.block("layer1.0").conv1.kernel_size == (3, 1, 1)
    assert model(torch.randn(1, 3, 3, 32, 32)).shape == (1, 2)


@pytest.mark.parametrize("name", ["i3d", "c3d"])
def test_a_still_clip_gives_what_its_one_frame_gave(name):
    """Inflated kernels are divided by their length; ends of the clip, which are padded, aside."""
    plain = create_model("c2d_nano", num_classes=3).eval()
    deep = create_model(f"{name}_nano", num_classes=3).eval()
    deep.load_state_dict(inflate(plain.state_dict(), deep))
    frame = torch.randn(1, 3, 1, 32, 32)
    still = frame.expand(-1, -1, 25, -1, -1)

    def last(model, clip):
        seen = []
        block = model.block("layer4.0")
        block.register_forward_hook(lambda _, __, out: seen.append(out))
        with torch.no_grad():
            model(clip)
        return seen[0]

    inner = last(deep, still)[:, :, 12]
    torch.testing.assert_close(inner, last(plain, frame), rtol=1e-4, atol=1e-5)
