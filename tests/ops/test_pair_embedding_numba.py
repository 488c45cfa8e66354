"""The compiled pair MLP against pairs that are built one by one: tiles, gaps, threads."""

import importlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.bench.timing import peak_memory
from motionlens.ops.pair_embedding import PairLayer, pair_embedding
from ops.oracle import unfactorised

module = pytest.importorskip("motionlens.ops.pair_embedding_numba")
from motionlens.ops import numba_team  # noqa: E402


def draw(B, T, S, C, K, widths, *, bias=True, seed=0):
    """Features, indices of which some are -1, and layers."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(B, T, S, C, generator=generator)
    indices = torch.randint(-1, T * S, (B, T, S, K), generator=generator)
    inputs = [2 * C + 3, *widths]
    layers = [
        PairLayer(
            torch.randn(b, a, generator=generator) / a**0.5,
            torch.randn(b, generator=generator) if bias else None,
        )
        for a, b in zip(inputs, widths, strict=False)
    ]
    return features, indices, layers


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_agrees_with_pairs_that_are_built(data):
    B, T, H, W, C, K = (
        data.draw(st.integers(*r)) for r in ((1, 2), (2, 4), (1, 3), (1, 5), (1, 6), (1, 11))
    )
    widths = data.draw(st.lists(st.integers(1, 37), min_size=1, max_size=2))
    bias, seed = data.draw(st.booleans()), data.draw(st.integers(0, 1000))
    features, indices, layers = draw(B, T, H * W, C, K, widths, bias=bias, seed=seed)
    if data.draw(st.booleans()):
        features = features.transpose(2, 3).contiguous().transpose(2, 3)
        indices = indices.transpose(2, 3).contiguous().transpose(2, 3)
    with torch.no_grad():
        found = pair_embedding(features, indices, (H, W), layers, offset_scale=8.0)
    wide = [
        PairLayer(layer.weight.double(), None if layer.bias is None else layer.bias.double())
        for layer in layers
    ]
    expected = unfactorised(features.double(), indices, (H, W), wide, 8.0)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_it_is_what_runs_without_gradients(monkeypatch):
    features, indices, layers = draw(1, 2, 9, 4, 3, (5, 6))
    ran = []
    monkeypatch.setattr(
        module, "strongest", lambda query, *_: ran.append(1) or query.new_zeros(len(query), 6)
    )
    pair_embedding(features, indices, (3, 3), layers)
    assert not ran
    with torch.no_grad():
        pair_embedding(features, indices, (3, 3), layers)
    assert ran


def test_what_it_leaves_to_the_plain_one(monkeypatch):
    def takes(widths, dtype=torch.float32):
        features, _, layers = draw(1, 2, 9, 4, 3, widths)
        layers = [PairLayer(layer.weight.to(dtype), layer.bias.to(dtype)) for layer in layers]
        query = features.flatten(0, 2).to(dtype)
        return module.takes(query, layers)

    assert takes((5,))
    assert takes((5, 6))
    assert not takes((5, 6, 7))
    assert not takes((5, 6), torch.bfloat16)
    assert not takes((5, 6), torch.float64)


@pytest.mark.parametrize("widths", [(5,), (5, 6), (5, 6, 7)])
def test_without_numba(widths, monkeypatch):
    features, indices, layers = draw(2, 3, 12, 4, 3, widths)
    with torch.no_grad():
        found = pair_embedding(features, indices, (3, 4), layers)
        plain = importlib.import_module("motionlens.ops.pair_embedding")
        monkeypatch.setattr(plain, "numba_module", lambda name: None)
        expected = pair_embedding(features, indices, (3, 4), layers)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_the_same_on_any_number_of_threads_and_clips(threads, monkeypatch):
    monkeypatch.setattr(numba_team, "_WORK_OF_A_THREAD", 1)
    features, indices, layers = draw(3, 4, 25, 6, 5, (7, 20))
    before = torch.get_num_threads()
    with torch.no_grad():
        alone = [
            pair_embedding(features[b : b + 1], indices[b : b + 1], (5, 5), layers)
            for b in range(3)
        ]
        torch.set_num_threads(threads)
        try:
            found = pair_embedding(features, indices, (5, 5), layers)
        finally:
            torch.set_num_threads(before)
    torch.testing.assert_close(found, torch.cat(alone), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("number", [0, 1])
def test_weights_that_are_no_numbers_are_not_hidden(number):
    features, indices, layers = draw(1, 3, 12, 4, 3, (5, 6))
    layers[number].weight[2, 1] = torch.nan
    with torch.no_grad():
        assert pair_embedding(features, indices.clamp_min(0), (3, 4), layers).isnan().any()


def test_pairs_are_never_in_memory():
    features, indices, layers = draw(1, 8, 100, 8, 8, (16, 64))
    with torch.no_grad():
        peak = peak_memory(
            lambda: pair_embedding(features, indices, (10, 10), layers), features.device
        )
    assert peak < 0.3 * indices.numel() * 64 * 4
