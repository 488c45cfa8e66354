"""The fused embedding against the plain one: interpreted on the CPU, and on GPUs."""

from pathlib import Path

import pytest
import torch

from motionlens.ops.pair_embedding import PairLayer, pair_embedding
from motionlens.ops.proposals import knn_proposals


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")


SHAPES = [(2, 3, (3, 5), 7, 3), (1, 4, (6, 6), 16, 1), (1, 2, (9, 8), 12, 8)]
WIDTHS = [(5,), (20, 130), (16, 33), (150,)]
TOLERANCES = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def layers_of(C, widths, dtype, device, bias=True):
    inputs = [2 * C + 3, *widths]
    made = [
        PairLayer(torch.randn(b, a) / a**0.5, torch.randn(b, 2)[:, 0] if bias else None)
        for a, b in zip(inputs, widths, strict=False)
    ]
    return [
        PairLayer(*(x if x is None else x.to(device, dtype) for x in layer[:2])) for layer in made
    ]


def assert_agrees(shape, widths, dtype, device, *, causal=False, bias=True):
    from gpu import fused_embedding

    torch.manual_seed(0)
    B, T, grid, C, k = shape
    features = torch.randn(B, T, C, grid[0] * grid[1]).to(device, dtype).transpose(2, 3)
    indices = knn_proposals(features, k, causal=causal, impl="reference").indices
    layers = layers_of(C, widths, dtype, device, bias)
    assert fused_embedding.refusal(features, layers) is None
    found = fused_embedding.embed(features, indices, grid, layers, 16.0)
    wide = [PairLayer(*(x if x is None else x.cpu().double() for x in la[:2])) for la in layers]
    expected = pair_embedding(
        features.cpu().double(), indices.cpu(), grid, wide, offset_scale=16.0, padded=True
    )
    assert found.dtype == dtype
    tolerance = TOLERANCES[dtype] * expected.abs().max().item()
    torch.testing.assert_close(found.cpu().double(), expected, rtol=0, atol=tolerance)


@pytest.mark.interpret
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_agrees_with_the_plain_embedding(shape, widths):
    assert_agrees(shape, widths, torch.float32, "cpu")


@pytest.mark.interpret
@pytest.mark.parametrize("widths", [(5,), (20, 130)])
def test_pairs_that_do_not_exist_and_layers_without_bias(widths):
    assert_agrees((1, 3, (2, 2), 6, 6), widths, torch.float32, "cpu", causal=True, bias=False)


@pytest.mark.interpret
def test_nan_stays_nan():
    from gpu import fused_embedding

    features = torch.randn(1, 2, 4, 3)
    features[0, 0, 0, 0] = torch.nan
    indices = torch.randint(4, 8, (1, 2, 4, 2))
    layers = layers_of(3, (4, 6), torch.float32, "cpu")
    found = fused_embedding.embed(features, indices, (2, 2), layers, 1.0)
    assert found[0, 0, 0].isnan().all()
    assert found[0, 1].isfinite().all()


@pytest.mark.interpret
def test_says_what_it_cannot_do():
    from gpu import fused_embedding

    features = torch.randn(1, 2, 4, 3)
    three = layers_of(3, (4, 4, 4), torch.float32, "cpu")
    assert "at most 2 layers, got 3" in fused_embedding.refusal(features, three)
    half = layers_of(3, (4,), torch.bfloat16, "cpu")
    assert "weights must be torch.float32" in fused_embedding.refusal(features, half)
    wide = layers_of(3, (300, 4), torch.float32, "cpu")
    assert "at most 256 channels" in fused_embedding.refusal(features, wide)


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", list(TOLERANCES))
@pytest.mark.parametrize("widths", [(64, 128), (128,), (256, 512), (20, 130)])
@pytest.mark.parametrize("causal", [False, True])
def test_agrees_on_a_gpu(causal, widths, dtype):
    assert_agrees((2, 8, (14, 14), 64, 8), widths, dtype, "cuda", causal=causal)
