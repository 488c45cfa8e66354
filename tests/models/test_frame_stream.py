import pytest
import torch

from motionlens.models.frame_stream import FrameStream
from motionlens.models.registry import create_model

T = 4


def network(name="cpnet_nano", **options):
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, **options)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)  # modules that do something
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()


def one_by_one(model, frames, hop):
    starts = range(0, len(frames) - T + 1, hop)
    clips = [frames[start : start + T].transpose(0, 1) for start in starts]
    with torch.no_grad():
        return torch.cat([model(clip[None]) for clip in clips])


MODELS = [
    ("cpnet_nano", {}),
    ("c2d_nano", {}),
    ("cpnet_nano", {"modules": ["layer4.0"]}),
    ("cpnet_nano", {"modules": ["layer1.0"], "k": 2}),
    ("cpnet_resnet50", {"modules": {"res4": 1}, "widths": (8, 8, 16, 16)}),
]


@pytest.mark.parametrize(("name", "options"), MODELS)
@pytest.mark.parametrize("hop", [1, 3, 6])
def test_logits_of_the_windows_one_by_one(name, options, hop):
    model = network(name, **options)
    frames = torch.randn(17, 3, 32, 32)
    stream = FrameStream(model, T, hop=hop)
    # The frames come in any portions, none at all among them.
    portions = [frames[a:b] for a, b in ((0, 1), (1, 3), (3, 3), (3, 9), (9, 17))]
    found = torch.cat([stream.push(portion) for portion in portions])
    expected = one_by_one(model, frames, hop)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


class BeforeConv(torch.nn.Module):
    """A plug-in that mixes frames before a block's first convolution."""

    socket = "before_conv1"

    def forward(self, x):
        return x + x.roll(1, 2)


def test_a_plugin_before_the_convolution():
    model = network("c2d_nano")
    model.attach("layer2.0", BeforeConv())
    frames = torch.randn(9, 3, 32, 32)
    found = FrameStream(model, T).push(frames)
    torch.testing.assert_close(found, one_by_one(model, frames, 1), rtol=1e-5, atol=1e-5)


def test_frames_are_computed_once(monkeypatch):
    model = network()
    seen = []
    model.conv1.register_forward_hook(lambda _, args, __: seen.append(args[0].shape[0]))
    stream = FrameStream(model, T)
    for frames in torch.randn(10, 3, 32, 32).split(2):
        stream.push(frames)
    assert seen == [2] * 5
    assert stream._kept.shape[0] == T - 1


def test_windows_apart_pass_over_what_lies_between():
    model = network()
    seen = []
    model.conv1.register_forward_hook(lambda _, args, __: seen.append(args[0].shape[0]))
    stream = FrameStream(model, T, hop=10)
    for frames in torch.randn(24, 3, 32, 32).split(2):
        stream.push(frames)
    assert sum(seen) == 3 * T


def test_frames_one_by_one_have_the_proposals_of_a_clip_where_all_look_the_same():
    # Black borders: their positions tie, and rounding would choose between them.
    frames = torch.randn(T, 3, 64, 64)
    frames[..., :20, :] = frames[..., -20:, :] = -1.8
    model = network()
    stream = FrameStream(model, T)
    logits = torch.cat([stream.push(frame[None]) for frame in frames])
    torch.testing.assert_close(logits, FrameStream(model, T).push(frames))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "c3d_nano"}, "model must be a VideoResNet that works frame by frame .* c3d"),
        ({"model": "toy_c2d"}, "model must be a VideoResNet that works .* got ToyNet"),
        ({"num_frames": 0}, "num_frames must be a whole number of at least 1, got 0"),
        ({"hop": 0}, "hop must be a whole number of at least 1, got 0"),
    ],
)
def test_refusals(arguments, message):
    arguments = {"model": "cpnet_nano", "num_frames": T, **arguments}
    model = create_model(arguments.pop("model"), num_classes=2).eval()
    with pytest.raises(ValueError, match=message):
        FrameStream(model, **arguments)


def test_training_mode_and_shapes_are_refused():
    model = create_model("cpnet_nano", num_classes=2)
    with pytest.raises(ValueError, match=r"inference mode, got training; call model.eval\(\)"):
        FrameStream(model, T)
    stream = FrameStream(model.eval(), T)
    with pytest.raises(ValueError, match=r"frames must have shape \(n, 3, H, W\), got \(3, 8, 8\)"):
        stream.push(torch.zeros(3, 8, 8))
    stream.push(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="frames must keep the size .* 32x32, got 16x16"):
        stream.push(torch.zeros(1, 3, 16, 16))


def test_stands_where_it_did_after_an_error():
    model = network("cpnet_nano")
    frames = torch.randn(8, 3, 32, 32)
    damaged = frames[4:5].clone()
    damaged[0, 0, 3, 3] = torch.nan
    stream = FrameStream(model, 2, hop=3)
    stream.push(frames[:2])
    with pytest.raises(ValueError, match="frames must be finite numbers"):
        stream.push(torch.cat([frames[2:4], damaged]))
    found = stream.push(frames[2:5])
    with torch.no_grad():
        expected = model(frames[3:5].transpose(0, 1)[None])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_an_error_does_not_fix_the_size():
    stream = FrameStream(network("cpnet_nano"), T)
    with pytest.raises(ValueError, match="k must be"):
        stream.push(torch.randn(T, 3, 1, 1))
    assert stream.push(torch.randn(T, 3, 32, 32)).shape == (1, 5)


def test_begins_anew_after_reset():
    model = network("cpnet_nano")
    frames = torch.randn(T, 3, 32, 32)
    stream = FrameStream(model, T)
    stream.push(torch.randn(2, 3, 48, 48))
    stream.reset()
    torch.testing.assert_close(stream.push(frames), one_by_one(model, frames, 1))


def test_training_mode_is_refused_later_too():
    model = network("cpnet_nano")
    stream = FrameStream(model, T)
    model.train()
    with pytest.raises(ValueError, match="must be in inference mode"):
        stream.push(torch.randn(1, 3, 32, 32))


@pytest.mark.parametrize("value", [0, 2.5])
def test_numbers_of_frames_are_whole(value):
    with pytest.raises(ValueError, match="num_frames must be a whole number of at least 1"):
        FrameStream(network("cpnet_nano"), value)


@pytest.mark.parametrize("name", ["trn_nano", "tsm_nano", "nl_c2d_nano", "mfnet_nano"])
def test_comparators_stream_too(name):
    model = network(name)
    frames = torch.randn(7, 3, 32, 32)
    found = FrameStream(model, T, hop=2).push(frames)
    torch.testing.assert_close(found, one_by_one(model, frames, 2), rtol=1e-5, atol=1e-5)
