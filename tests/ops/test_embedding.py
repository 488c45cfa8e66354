import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cpnet.ops import PairLayer, knn_proposals, pair_embedding, pair_responses
from ops.oracle import unfactorised


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


def test_norms_see_whether_pairs_exist():
    features = torch.randn(1, 3, 4, 2)
    indices = knn_proposals(features, 6, causal=True).indices
    seen = []

    def norm(pairs, exists):
        seen.append((pairs.shape, None if exists is None else int(exists.sum())))
        return pairs

    layers = [layer._replace(norm=norm) for layer in random_layers(2, (3,), torch.float32)]
    pair_responses(features, indices, (2, 2), layers)
    pair_responses(features, indices.clamp_min(0), (2, 2), layers, padded=False)
    assert seen == [((72, 3), int((indices >= 0).sum())), ((72, 3), None)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": (2, 3)}, r"grid must be \(H, W\) with H\*W = S = 4, got \(2, 3\)"),
        ({"indices": torch.zeros(1, 2, 5, 1).long()}, "must agree in B, T and S"),
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
