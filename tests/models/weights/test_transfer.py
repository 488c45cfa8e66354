import numpy as np
import pytest
import torch

from motionlens.models.registry import create_model
from motionlens.models.weights.official import official_targets
from motionlens.models.weights.transfer import Weights, inflate, start_from

NAMES = ("left", "right", "up")


def weights_of(network, **options):
    options = {"origin": "w.pth", "state": network.state_dict(), **options}
    return Weights(**options)


def randomise(model):
    """No entry as a fresh network has it, so that one that was not loaded shows."""
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.5)
    return model


def network(name="cpnet_nano", num_classes=3, **options):
    return randomise(create_model(name, num_classes=num_classes, **options)).eval()


def assert_same(found, expected, names):
    assert names
    for name in names:
        assert torch.equal(found[name], expected[name].view_as(found[name])), name


def test_a_plain_backbone_into_a_network_with_modules():
    source, model = network("c2d_nano", 1000), network(num_classes=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = start_from(model, weights_of(source), NAMES)
    after = model.state_dict()
    assert_same(after, source.state_dict(), report.loaded)
    # Of a module that the source lacks, which starts as the identity.
    scales = [f"{name}.before_relu.projection.norm.weight" for name in ("layer2.0", "layer3.0")]
    assert_same(after, before, [name for name in report.fresh if name not in scales])
    assert not any(after[name].any() for name in scales)
    assert set(report.loaded) | set(report.fresh) == {
        name for name in after if not name.endswith("num_batches_tracked")
    }
    assert report.unused == ["fc.weight", "fc.bias"]
    assert list(report.lines()) == [
        f"starts from w.pth: {len(report.loaded)} entries as they are",
        "  fresh: layer2.0.before_relu, layer3.0.before_relu, fc",
        "  of the source unused: fc",
    ]


def test_kernels_are_inflated_for_3d_networks():
    source, model = network("c2d_nano"), network("c3d_nano")
    report = start_from(model, weights_of(source))
    kernels = [n for n, v in source.state_dict().items() if v.dim() == 4]
    assert sorted(report.inflated) == sorted(kernels)
    for name in kernels:
        inflated = model.state_dict()[name]
        expected = source.state_dict()[name]
        torch.testing.assert_close(inflated.sum(2), expected)


def test_rows_of_the_head_are_taken_by_class_name():
    source, model = network(num_classes=2), network(num_classes=3)
    before = model.fc.weight[0].clone()
    report = start_from(model, weights_of(source, class_names=("up", "right")), NAMES)
    assert report.kept_classes == ["right", "up"]
    assert torch.equal(model.fc.weight[1:], source.fc.weight.flip(0))
    assert torch.equal(model.fc.bias[1:], source.fc.bias.flip(0))
    assert torch.equal(model.fc.weight[0], before)
    assert report.fresh == ["fc.weight", "fc.bias"]
    assert "  fresh: fc (all other classes)" in report.lines()
    assert "  rows of the head taken for 2 classes of these names" in report.lines()


def test_the_same_classes_give_the_same_network():
    source, model = network(), network()
    report = start_from(model, weights_of(source, model="cpnet_nano", class_names=NAMES), NAMES)
    clip = torch.rand(1, 3, 4, 32, 32)
    assert torch.equal(model(clip), source(clip))
    assert report.fresh == []
    assert report.unused == []


def test_modules_of_the_source_without_a_place_are_told():
    report = start_from(network("c2d_nano"), weights_of(network()))
    assert list(report.lines())[-1] == (
        "  of the source unused: layer2.0.before_relu, layer3.0.before_relu, fc"
    )


def test_weights_without_biases_start_the_official_form():
    source = network("c2d_nano")
    model = network("c2d_nano", conventions="official")
    report = start_from(model, weights_of(source))
    assert "conv1.bias" in report.zeroed
    assert all(not model.state_dict()[name].any() for name in report.zeroed)


def test_weights_that_are_no_numbers_are_refused():
    source = network()
    source.layer2[0].conv1.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="started from: layer2.0.conv1.weight holds NaN or inf"):
        start_from(network(), weights_of(source))


@pytest.mark.parametrize(
    ("source", "model", "message"),
    [
        ("c2d_resnet18", "c2d_resnet34", "are missing, such as layer1.2.conv1.weight"),
        ("c2d_resnet34", "c2d_resnet18", "have no place, such as layer1.2.conv1.weight"),
        ("c2d_nano", "c2d_resnet18", "are of another shape, such as conv1.weight"),
    ],
)
def test_another_backbone_is_refused(source, model, message):
    source, model = create_model(source, num_classes=2), create_model(model, num_classes=2)
    before = model.conv1.weight.clone()
    with pytest.raises(ValueError, match=f"w.pth must hold .* own backbone, .*{message}"):
        start_from(model, weights_of(source))
    assert torch.equal(model.conv1.weight, before)


def test_a_refusal_names_the_model_of_a_checkpoint():
    model = create_model("c2d_resnet18", num_classes=2)
    with pytest.raises(ValueError, match="; they are of cpnet_nano$"):
        start_from(model, weights_of(network(), model="cpnet_nano", class_names=NAMES))


def tensorpack(model):
    """A network without biases as the authors' variables with 2D kernels."""
    variables = {}
    for name, entry in official_targets(model).items():
        value = model.state_dict()[entry]
        if value.dim() > 1:
            value = value.permute(*range(2, value.dim()), 1, 0)
        variables[name] = value.numpy()
    return variables


@pytest.mark.parametrize("form", ["c2d", "c3d"])
def test_variables_with_2d_kernels(form):
    source = network("c2d_nano")
    model = network(f"{form}_nano", conventions="official")
    about = {"model": "cpnet_nano", "class_names": NAMES}
    weights = weights_of(source, state={}, variables=tensorpack(source), **about)
    report = start_from(model, weights, NAMES)
    kernel = model.conv1.weight if form == "c2d" else model.conv1.weight.sum(2)
    torch.testing.assert_close(kernel, source.conv1.weight)
    assert torch.equal(model.layer2[0].bn1.running_var, source.layer2[0].bn1.running_var)
    assert torch.equal(model.fc.weight, source.fc.weight)
    assert "layer4.0.conv2.bias" in report.zeroed


def test_variables_without_a_place_are_refused():
    source = network("c2d_nano")
    variables = {**tensorpack(source), "group7/block0/conv1/weights": np.zeros((1, 1, 2, 2))}
    weights = weights_of(source, state={}, variables=variables)
    with pytest.raises(ValueError, match="1 entries have no place, such as group7/block0/conv1"):
        start_from(network("c2d_nano"), weights)


def test_an_inflated_network_sees_a_still_video_as_its_frame():
    torch.manual_seed(0)
    plain = create_model("c2d_nano", num_classes=3).eval()
    deep = create_model("c3d_nano", num_classes=3).eval()
    deep.load_state_dict(inflate(plain.state_dict(), deep))
    still = torch.randn(1, 3, 1, 32, 32).expand(-1, -1, 25, -1, -1)
    x, y = still[:, :, 0], still
    for name in ("conv1", "bn1", "relu"):
        x, y = plain.get_submodule(name)(x), deep.get_submodule(name)(y)
    for (_, block), (_, deep_block) in zip(plain.blocks(), deep.blocks(), strict=True):
        x, y = block(x, 1), deep_block(y, 25)
    # 9 convolutions of 3 frames reach 9 frames in from either end.
    torch.testing.assert_close(y[:, :, 12], x, rtol=1e-4, atol=1e-5)


def test_a_kernel_of_another_size_is_not_inflated():
    deep = create_model("c3d_nano", num_classes=3)
    with pytest.raises(ValueError, match=r"conv1.weight must have shape \(16, 3, 3, 3\)"):
        inflate({"conv1.weight": torch.zeros(16, 3, 7, 7)}, deep)


@pytest.mark.parametrize("kind", ["nl_c2d", "trn", "tsm", "mfnet"])
def test_comparators_start_from_the_plain_network(kind):
    source, model = network("c2d_nano"), network(f"{kind}_nano")
    report = start_from(model, weights_of(source))
    plugins = ("after_block", "consensus.", "fc.")
    assert all(any(part in name for part in plugins) for name in report.fresh)
    values = source.state_dict()
    for name, value in model.state_dict().items():
        if name not in report.fresh and not name.endswith("num_batches_tracked"):
            assert torch.equal(value, values[name]), name


def test_i3d_is_inflated():
    source, model = network("c2d_nano"), network("i3d_nano")
    report = start_from(model, weights_of(source))
    assert {"conv1.weight", "layer1.0.conv1.weight"} <= set(report.inflated)
    kernel = source.state_dict()["conv1.weight"] / 3
    for frame in model.state_dict()["conv1.weight"].unbind(2):
        torch.testing.assert_close(frame, kernel)


def test_artnet_starts_anew():
    with pytest.raises(ValueError, match="own backbone, .* entries are missing, such as conv1.app"):
        start_from(network("artnet_nano"), weights_of(network("c2d_nano")))
