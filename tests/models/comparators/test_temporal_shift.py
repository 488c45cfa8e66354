import pytest
import torch

from motionlens.models.comparators.temporal_shift import TemporalShift
from motionlens.models.registry import create_model


def shifted(clip, part):
    """The same, frame by frame and channel by channel."""
    out = torch.zeros_like(clip)
    T = clip.shape[2]
    for t in range(T):
        for c in range(clip.shape[1]):
            source = t + 1 if c < part else t - 1 if c < 2 * part else t
            if 0 <= source < T:
                out[:, c, t] = clip[:, c, source]
    return out


@pytest.mark.parametrize(("channels", "divisor", "part"), [(16, 8, 2), (9, 4, 2), (4, 2, 2)])
@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_against_a_loop(channels, divisor, part, num_frames):
    clip = torch.randn(2, channels, num_frames, 3, 2)
    module = TemporalShift(channels, divisor=divisor)
    assert torch.equal(module(clip), shifted(clip, part))
    assert list(module.parameters()) == []
    assert repr(module) == f"TemporalShift({part} channels each way)"


@pytest.mark.parametrize("divisor", [1, 9])
def test_divisor_out_of_range(divisor):
    with pytest.raises(ValueError, match=f"divisor of 8 channels must be .* got {divisor}"):
        TemporalShift(8, divisor=divisor)


def test_shortcuts_keep_every_frame():
    model = create_model("tsm_nano", num_classes=2).eval()
    plain = create_model("c2d_nano", num_classes=2).eval()
    plain.load_state_dict(model.state_dict())
    block, other = model.block("layer1.0"), plain.block("layer1.0")
    x = torch.rand(4, 16, 8, 8)
    clip = x.view(1, 4, 16, 8, 8).transpose(1, 2)
    moved = shifted(clip, 2).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(block.summed(x, 4), other.residual(moved) + x)


def test_in_every_block_unless_told_otherwise():
    names = [name for name, block in create_model("tsm_resnet18", num_classes=2).blocks()]
    model = create_model("tsm_resnet18", num_classes=2)
    assert [n for n in names if isinstance(model.block(n).before_conv1, TemporalShift)] == names
    some = create_model("tsm_resnet18", num_classes=2, modules={"res4": 1}, divisor=4)
    places = [n for n in names if some.block(n).before_conv1 is not None]
    assert places == ["layer3.1"]
    assert some.block("layer3.1").before_conv1.part == 64
