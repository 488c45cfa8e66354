"""The plain search on CPUs against the reference."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.bench.timing import peak_memory
from motionlens.ops import proposals_cpu, proposals_reference
from motionlens.ops.proposals_cpu import search_frames
from motionlens.ops.scoring import METRICS, prepare


def scored(features, metric):
    B, T, S, C = features.shape
    assert B == 1
    scoring = prepare(features.reshape(1, T * S, C), metric)
    return scoring, scoring.points[0], scoring.bias[0]


def assert_same(features, k, metric, found):
    """Same distances as the reference, from positions that are at these distances."""
    _, T, S, _ = features.shape
    scoring, points, bias = scored(features, metric)
    expected = proposals_reference.search(features, k, metric, None, False)[1].view(-1, k)
    scores, indices = found
    scale = max(1.0, points.square().sum(-1).max().item())
    tolerance = 1e-5 * scale
    torch.testing.assert_close(
        scoring.distances(scores[None])[0], expected, rtol=1e-5, atol=tolerance
    )
    query = torch.arange(T * S)[:, None]
    assert (indices // S != query // S).all()
    assert indices.min() >= 0
    assert all(len(set(row)) == k for row in indices.tolist())
    measured = (points[query] * points[indices]).sum(-1) + bias[indices]
    torch.testing.assert_close(scores, measured, rtol=1e-5, atol=tolerance)


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr(proposals_cpu, "numba_module", lambda name: None)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_agrees_with_the_reference(data):
    T, S, C = (data.draw(st.integers(*range_)) for range_ in ((2, 6), (1, 60), (1, 20)))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    features = torch.randn(1, T, S, C, generator=generator, dtype=dtype)
    if data.draw(st.booleans()):
        features = features.round()  # ties
    metric = data.draw(st.sampled_from(METRICS))
    if data.draw(st.booleans()) and metric != "cosine":
        features = features + 100
    k = data.draw(st.integers(1, min((T - 1) * S, 8)))
    _, points, bias = scored(features, metric)
    assert_same(features, k, metric, search_frames(points, bias, T, k, None, False))


@pytest.mark.parametrize("options", [(None, False), (2, False), (1, True)])
def test_runs_where_the_compiled_search_cannot(plain, options):
    features = torch.randn(2, 5, 20, 8)
    found = proposals_cpu.search(features, 4, "l2", *options)
    expected = proposals_reference.search(features, 4, "l2", *options)
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1], rtol=1e-5, atol=1e-5)


def test_float64_is_searched_in_float64():
    features = torch.randn(1, 3, 20, 8, dtype=torch.float64)
    found = proposals_cpu.search(features, 4, "l2", None, False)
    expected = proposals_reference.search(features, 4, "l2", None, False)
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", [None, 2])
def test_no_full_matrix_is_stored(plain, window):
    T, S = 12, 100
    features = torch.randn(1, T, S, 8)
    whole = (T * S) ** 2 * 4
    peak = peak_memory(
        lambda: proposals_cpu.search(features, 4, "l2", window, False), features.device
    )
    assert peak < 0.3 * whole


def test_extreme_features_keep_their_order():
    torch.manual_seed(0)
    usual = torch.randn(1, 4, 49, 8)
    expected = proposals_cpu.search(usual, 3, "l2", None, False)[0]
    for factor in (1e-30, 1e-20, 1e18, 1e30):
        found = proposals_cpu.search(usual * factor, 3, "l2", None, False)[0]
        assert (found.sort(-1).values == expected.sort(-1).values).float().mean() > 0.999
