import pytest
import torch

from motionlens.models.comparators.non_local import NonLocal
from motionlens.models.registry import create_model


@pytest.mark.parametrize("size", [(4, 4), (3, 5), (1, 1)])
def test_against_its_definition(size):
    block = NonLocal(8).eval()
    torch.nn.init.ones_(block.norm.weight)
    clip = torch.randn(2, 8, 3, *size)
    pooled = torch.nn.functional.max_pool2d(clip.flatten(1, 2), 2, ceil_mode=True)
    pooled = pooled.unflatten(1, (8, 3))
    theta, phi, g = (
        layer(of).flatten(2)
        for layer, of in ((block.query, clip), (block.key, pooled), (block.value, pooled))
    )
    weights = torch.einsum("bci,bcj->bij", theta, phi).softmax(2)
    seen = torch.einsum("bij,bcj->bci", weights, g).view(2, 4, 3, *size)
    torch.testing.assert_close(block(clip), clip + block.norm(block.out(seen)))


def test_a_fresh_block_is_the_identity():
    clip = torch.randn(1, 8, 2, 4, 4)
    assert torch.equal(NonLocal(8)(clip), clip)


def test_half_the_channels_need_two():
    with pytest.raises(ValueError, match="channels must be at least 2, got 1; half"):
        NonLocal(1)


@pytest.mark.parametrize(
    ("depth", "places"),
    [
        ("resnet18", ["layer2.0", "layer2.1", "layer3.0", "layer3.1"]),
        ("resnet34", ["layer2.2", "layer2.3", "layer3.3", "layer3.4", "layer3.5"]),
        ("resnet101", ["layer2.2", "layer2.3", "layer3.20", "layer3.21", "layer3.22"]),
    ],
)
def test_placed_like_the_modules_of_cpnet(depth, places):
    with torch.device("meta"):
        model = create_model(f"nl_c2d_{depth}", num_classes=2)
    found = [
        name.removesuffix(".after_block")
        for name, module in model.named_modules()
        if isinstance(module, NonLocal)
    ]
    assert found == places


def test_the_size_of_the_publication():
    # The poster counts 48.2 M for NL C2D ResNet-101 on Kinetics, in units of 2 ** 20.
    with torch.device("meta"):
        model = create_model("nl_c2d_resnet101", num_classes=400)
    count = sum(value.numel() for value in model.parameters())
    assert count / 2**20 == pytest.approx(48.2, abs=0.2)
