import pytest
import torch

from motionlens.models.frame_stream import FrameStream
from motionlens.models.registry import create_model, model_defaults

CLIP = (2, 13, 4, 24, 24)


@pytest.mark.parametrize("stream", ["c2d", "trn", "artnet", "i3d", "cpnet"])
def test_two_networks_side_by_side(stream):
    options = {"k": 1} if stream == "cpnet" else {}
    model = create_model("two_stream_nano", num_classes=3, stream=stream, stream_options=options)
    model.eval()
    assert model_defaults("two_stream_nano").channels == 13
    clip = torch.randn(CLIP)
    expected = (model.rgb(clip[:, :3]) + model.flow(clip[:, 3:])) / 2
    torch.testing.assert_close(model(clip), expected)


def test_fusion_of_probabilities():
    model = create_model("two_stream_nano", num_classes=3, fusion="probabilities").eval()
    clip = torch.randn(CLIP)
    expected = (model.rgb(clip[:, :3]).softmax(1) + model.flow(clip[:, 3:]).softmax(1)) / 2
    torch.testing.assert_close(model(clip).softmax(1), expected)
    torch.testing.assert_close(model(clip).exp(), expected)


def test_a_wide_first_convolution_in_the_official_form():
    options = {"conventions": "official"}
    model = create_model("two_stream_nano", num_classes=3, stream_options=options)
    assert type(model.flow.conv1) is type(model.rgb.conv1)
    assert model.flow.conv1.weight.shape == (16, 10, 3, 3)
    assert not model.flow.conv1.bias.any()
    assert model(torch.randn(CLIP)).shape == (2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fusion": "late"}, "fusion must be one of logits, probabilities, got 'late'"),
        ({"stream": "c2e"}, r"unknown model 'c2e_nano', did you mean 'c2d_nano'\?"),
        ({"stream": "mff"}, "stream must be a family of networks that see colours, got 'mff'"),
        ({"stream_options": {"kk": 2}}, "c2d_nano has no option 'kk'"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        create_model("two_stream_nano", num_classes=3, **options)


def test_clips_without_flow_are_refused():
    clip = torch.zeros(1, 3, 2, 24, 24)
    for name, channels in (("two_stream_nano", 13), ("mff_nano", 9)):
        with pytest.raises(ValueError, match=rf"clip must have shape \(B, {channels}, T, H, W\)"):
            create_model(name, num_classes=3)(clip)


def test_a_stream_of_frames_has_no_flow():
    with pytest.raises(ValueError, match="on colours alone, got .* with 9 channels"):
        FrameStream(create_model("mff_nano", num_classes=3).eval(), 4)
