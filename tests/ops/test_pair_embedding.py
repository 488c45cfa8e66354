import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.bench.timing import peak_memory
from motionlens.ops.pair_embedding import PairLayer, pair_embedding
from motionlens.ops.proposals import knn_proposals
from ops.oracle import pair_features, unfactorised


def random_layers(C, widths, dtype=torch.float64, bias=True):
    inputs = [2 * C + 3, *widths]
    return [
        PairLayer(
            torch.randn(b, a, dtype=dtype) / a**0.5, torch.randn(b, dtype=dtype) if bias else None
        )
        for a, b in zip(inputs, widths, strict=False)
    ]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_agrees_with_the_unfactorised_pairs(data):
    B, T, H, W, C = (
        data.draw(st.integers(a, b)) for a, b in ((1, 2), (2, 4), (1, 3), (1, 4), (1, 6))
    )
    k = data.draw(st.integers(1, min(5, (T - 1) * H * W)))
    causal, scale = data.draw(st.booleans()), data.draw(st.sampled_from([1.0, 8.0]))
    torch.manual_seed(data.draw(st.integers(0, 10_000)))
    features = torch.randn(B, T, C, H * W, dtype=torch.float64).transpose(2, 3)
    indices = knn_proposals(features, k, causal=causal).indices
    layers = random_layers(C, data.draw(st.sampled_from([(3,), (4, 5), (2, 3, 4)])))
    found = pair_embedding(features, indices, (H, W), layers, offset_scale=scale, padded=causal)
    torch.testing.assert_close(found, unfactorised(features, indices, (H, W), layers, scale))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.05), (torch.float16, 0.01)])
def test_half_precision(dtype, tolerance):
    torch.manual_seed(0)
    features = torch.randn(1, 8, 25, 16).to(dtype)
    indices = knn_proposals(features, 4).indices
    layers = random_layers(16, (8, 6), dtype=dtype)
    found = pair_embedding(features, indices, (5, 5), layers, offset_scale=16.0)
    assert found.dtype == dtype
    wide = [PairLayer(layer.weight.double(), layer.bias.double()) for layer in layers]
    expected = unfactorised(features.double(), indices, (5, 5), wide, 16.0)
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance * 4)


def test_a_position_without_proposals_gives_zero():
    features = torch.randn(1, 2, 3, 4)
    indices = knn_proposals(features, 2, causal=True).indices
    layers = random_layers(4, (5,), dtype=torch.float32)
    assert torch.equal(pair_embedding(features, indices, (1, 3), layers)[0, 0], torch.zeros(3, 5))


def with_norms(layers):
    """The layers with fresh norms, whose running statistics become those of a batch."""
    return [
        layer._replace(norm=torch.nn.BatchNorm1d(len(layer.bias), momentum=1.0)) for layer in layers
    ]


@pytest.mark.parametrize("padded", [True, False])
def test_norms_record_the_statistics_of_pairs_that_exist(padded):
    features = torch.randn(1, 3, 4, 2)
    indices = knn_proposals(features, 6, causal=padded).indices
    layers = random_layers(2, (3, 4), torch.float32)
    normed = with_norms(layers)
    pair_embedding(features, indices, (2, 2), normed, padded=padded)
    # The first layer's sums before its norm are those of a network of one layer without ReLU.
    pairs = pair_features(features, indices, (2, 2))[(indices >= 0)]
    sums = pairs @ layers[0].weight.T + layers[0].bias
    torch.testing.assert_close(normed[0].norm.running_mean, sums.mean(0))
    torch.testing.assert_close(normed[0].norm.running_var, sums.var(0))
    assert all(layer.norm.num_batches_tracked == 1 for layer in normed)


def test_norms_record_once_although_pairs_are_computed_again():
    features = torch.randn(1, 3, 4, 2, requires_grad=True)
    indices = knn_proposals(features, 3).indices
    layers = with_norms(random_layers(2, (3, 4), torch.float32))
    pair_embedding(features, indices, (2, 2), layers).sum().backward()
    assert [int(layer.norm.num_batches_tracked) for layer in layers] == [1, 1]
    assert features.grad is not None


def test_training_keeps_one_tensor_of_all_pairs():
    features = torch.randn(1, 4, 64, 8, requires_grad=True)
    indices = knn_proposals(features, 8).indices
    layers = with_norms(random_layers(8, (16, 32), torch.float32))
    largest = indices.numel() * 32 * 4  # bytes of the last layer's pairs

    def step():
        pair_embedding(features, indices, (8, 8), layers).sum().backward()

    # The tensor, its gradient, and some without the pairs' dimension; the inputs and outputs of
    # both norms, which autograd would keep by itself, would be three more.
    assert peak_memory(step, features.device) < 4.5 * largest


def test_one_pair_has_no_variance():
    features = torch.randn(1, 2, 1, 2)
    indices = knn_proposals(features, 1, causal=True).indices
    layers = with_norms(random_layers(2, (3,), torch.float32))
    with pytest.raises(ValueError, match="norms need at least 2 pairs in training, got 1"):
        pair_embedding(features, indices, (1, 1), layers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": (2, 3)}, r"grid must be \(H, W\) with H\*W = S = 4, got \(2, 3\)"),
        ({"indices": torch.zeros(1, 2, 5, 1).long()}, "must agree in B, T and S"),
        (
            {"layers": [*with_norms(random_layers(3, (2,))), *random_layers(3, (2,))[:1]]},
            "layers must all have a norm or none, got both",
        ),
        ({"layers": []}, "at least one layer, got none"),
        ({"layers": random_layers(4, (2,))}, r"layers\[0\].weight must have 9 inputs, got 11"),
    ],
)
def test_refusals(change, message):
    arguments = {
        "features": torch.zeros(1, 2, 4, 3),
        "indices": torch.zeros(1, 2, 4, 1).long(),
        "grid": (2, 2),
        "layers": random_layers(3, (2,)),
    }
    with pytest.raises(ValueError, match=message):
        pair_embedding(**{**arguments, **change})
