import pytest
import torch

from motionlens.models.comparators.motion_fused import SegmentMLP
from motionlens.models.registry import create_model


def test_against_plain_operations():
    head = SegmentMLP(5, segments=3, reduced=4, hidden=6)
    features = torch.randn(2, 3, 5)
    frames = torch.cat([head.reduce(features[:, t]) for t in range(3)], 1).clamp_min(0)
    torch.testing.assert_close(head(features), head.hidden(frames).clamp_min(0))


def test_other_lengths_give_the_frame_in_the_middle_of_each_part():
    head = SegmentMLP(5, segments=3, reduced=4, hidden=6)
    long = torch.randn(1, 9, 5)
    torch.testing.assert_close(head(long), head(long[:, [1, 4, 7]]))
    short = torch.randn(1, 2, 5)
    torch.testing.assert_close(head(short), head(short[:, [0, 1, 1]]))


def test_sees_three_flow_frames_and_a_picture():
    model = create_model("mff_resnet18", num_classes=3)
    assert model.conv1.weight.shape == (64, 9, 7, 7)


def test_refusals():
    with pytest.raises(ValueError, match="segments must be a whole number of at least 1, got 0"):
        create_model("mff_nano", num_classes=3, segments=0)
