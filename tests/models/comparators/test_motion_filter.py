import pytest
import torch

from motionlens.models.comparators.motion_filter import SHIFTS, MotionFilter, motion_differences
from motionlens.models.registry import create_model


def test_differences_against_a_loop():
    clip = torch.randn(2, 3, 4, 5, 6)
    found = motion_differences(clip).view(2, 5, 3, 4, 5, 6)
    for place, (rows, columns) in enumerate(SHIFTS):
        for t in range(4):
            after = clip[:, :, min(t + 1, 3)]
            for y in range(5):
                for x in range(6):
                    r, c = y - rows, x - columns
                    inside = 0 <= r < 5 and 0 <= c < 6
                    other = after[:, :, r, c] if inside else torch.zeros(2, 3)
                    torch.testing.assert_close(
                        found[:, place, :, t, y, x], other - clip[:, :, t, y, x]
                    )


def test_a_moving_thing_leaves_no_difference_in_its_own_direction():
    clip = torch.zeros(1, 1, 2, 7, 7)
    clip[0, 0, 0, 3, 3] = clip[0, 0, 1, 3, 4] = 1  # one cell to the right
    found = motion_differences(clip)[0, :, 0].abs().sum((1, 2))
    assert found.tolist() == [2, 2, 0, 2, 2]
    assert SHIFTS[2] == (0, -1)  # the next frame moved back to the left


def test_the_block_against_plain_layers():
    block = MotionFilter(8, reduction=4).eval()
    for layer in (block.reduce, block.expand, block.merge):
        torch.nn.init.uniform_(layer[1].weight, 0.5, 1.5)
        layer[1].running_mean.normal_()
        layer[1].running_var.uniform_(0.5, 1.5)

    def linear(layer, x):
        conv, norm = layer
        y = torch.einsum("oc,bcthw->bothw", conv.weight[..., 0, 0, 0], x)
        shape = (1, -1, 1, 1, 1)
        y = (y - norm.running_mean.view(shape)) / (norm.running_var.view(shape) + norm.eps).sqrt()
        return y * norm.weight.view(shape) + norm.bias.view(shape)

    clip = torch.randn(2, 8, 3, 4, 4)
    reduced = linear(block.reduce, clip).clamp_min(0)
    motion = linear(block.expand, motion_differences(reduced)).clamp_min(0)
    expected = clip + linear(block.merge, torch.cat([clip, motion], 1))
    torch.testing.assert_close(block(clip), expected, rtol=1e-4, atol=1e-5)


def test_a_fresh_block_is_the_identity():
    clip = torch.randn(1, 8, 2, 4, 4)
    assert torch.equal(MotionFilter(8, reduction=8)(clip), clip)


def test_reduction_out_of_range():
    with pytest.raises(ValueError, match="reduction of 8 channels must be .* at most 8, got 16"):
        MotionFilter(8)


def test_at_the_end_of_every_stage():
    model = create_model("mfnet_resnet34", num_classes=2)
    found = [name for name, block in model.blocks() if block.after_block is not None]
    assert found == ["layer1.2", "layer2.3", "layer3.5", "layer4.2"]
