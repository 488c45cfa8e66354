"""The compiled search against the reference: every tile edge, ties, masks, threads."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.bench.timing import peak_memory
from motionlens.ops import proposals_cpu, proposals_reference
from motionlens.ops.scoring import METRICS, prepare

module = pytest.importorskip("motionlens.ops.proposals_numba")
from motionlens.ops import numba_team  # noqa: E402
from motionlens.ops.score_tile import LANES, ROWS  # noqa: E402

MASKS = [(None, False), (1, False), (2, False), (None, True), (1, True), (3, True)]


def run(features, k, metric="l2", window=None, causal=False):
    B, T, S, C = features.shape
    scoring = prepare(features.reshape(B, T * S, C), metric)
    assert module.takes(scoring, T, k)
    return scoring, *module.search(scoring, T, k, window, causal)


def assert_agrees(features, k, metric="l2", window=None, causal=False):
    """The same distances as the reference, from different positions at these distances."""
    B, T, S, _ = features.shape
    scoring, scores, indices = run(features, k, metric, window, causal)
    expected = proposals_reference.search(features, k, metric, window, causal)[1].view(B, -1, k)
    tolerance = 1e-5 * max(1.0, scoring.points.square().sum(-1).max().item())
    distances = scoring.distances(scores)
    torch.testing.assert_close(distances, expected, rtol=1e-5, atol=tolerance)
    assert torch.equal(indices < 0, distances.isinf())
    query = torch.arange(T * S)[:, None]
    assert ((indices // S != query // S) | (indices < 0)).all()
    for row in indices.flatten(0, 1).tolist():
        real = [index for index in row if index >= 0]
        assert len(set(real)) == len(real)
    at = indices.clamp_min(0)
    chosen = torch.stack([scoring.points[b][at[b]] for b in range(B)])
    measured = (scoring.points[:, :, None] * chosen).sum(-1)
    measured += torch.stack([scoring.bias[b][at[b]] for b in range(B)])
    exists = indices >= 0
    torch.testing.assert_close(scores[exists], measured[exists], rtol=1e-5, atol=tolerance)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_agrees_with_the_reference(data):
    B, T, S, C = (data.draw(st.integers(*r)) for r in ((1, 3), (2, 7), (ROWS, 70), (1, 20)))
    features = torch.randn(
        B, T, S, C, generator=torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))
    )
    if data.draw(st.booleans()):
        features = features.round()  # ties
    metric = data.draw(st.sampled_from(METRICS))
    if data.draw(st.booleans()) and metric != "cosine":
        features = features + 100
    k = data.draw(st.integers(1, min((T - 1) * S, module.MOST_PROPOSALS)))
    assert_agrees(features, k, metric, *data.draw(st.sampled_from(MASKS)))


@pytest.mark.parametrize("S", [ROWS, LANES, LANES + 1, 95, 96, 97, 100, 196])
@pytest.mark.parametrize("T", [2, 3, 8])
def test_edges_of_tiles(S, T):
    assert_agrees(torch.randn(1, T, S, 5), min(8, (T - 1) * S))


def test_equal_features_everywhere():
    assert_agrees(torch.ones(1, 4, 20, 3), 8)


@pytest.mark.parametrize("falling", [False, True])
def test_features_in_order(falling):
    values = torch.arange(6 * 40.0).view(1, 6, 40, 1)
    assert_agrees(-values if falling else values, 8)


def test_every_query_improves_with_every_candidate():
    # The later a frame, the nearer it is to all others.
    frames = torch.linspace(1, 0, 8).view(1, 8, 1, 1) ** 3
    assert_agrees(frames + 1e-3 * torch.randn(1, 8, 30, 4), 5)


def test_what_it_leaves_to_the_plain_search():
    def takes(features, k):
        T = features.shape[1]
        return module.takes(prepare(features.flatten(1, 2), "l2"), T, k)

    assert takes(torch.randn(1, 2, 100, 4), module.MOST_PROPOSALS)
    assert not takes(torch.randn(1, 2, 100, 4), module.MOST_PROPOSALS + 1)
    assert not takes(torch.randn(1, 2, ROWS - 1, 4), 2)
    assert not takes(torch.randn(1, 2, 100, 4).double(), 2)


@pytest.mark.parametrize(("S", "C"), [(60, 4), (60, 900)])
@pytest.mark.parametrize("k", [1, 8, LANES, LANES + 1])
def test_with_and_without_a_bound_beforehand(S, C, k):
    """Many channels or proposals make it dearer than what it saves."""
    for mask in MASKS:
        assert_agrees(torch.randn(1, 4, S, C), k, "l2", *mask)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_the_same_on_any_number_of_threads_and_clips(threads, monkeypatch):
    monkeypatch.setattr(numba_team, "_WORK_OF_A_THREAD", 1)
    features = torch.randn(3, 7, 30, 6, generator=torch.Generator().manual_seed(0)).round()
    alone = [run(clip[None], 6)[1:] for clip in features]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        _, scores, indices = run(features, 6)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(scores, torch.cat([found[0] for found in alone]))
    assert torch.equal(indices, torch.cat([found[1] for found in alone]))


def test_eight_threads_at_once(monkeypatch):
    monkeypatch.setattr(numba_team, "_WORK_OF_A_THREAD", 1)
    clips = [torch.randn(2, 6, 50, 8) for _ in range(8)]
    expected = [proposals_cpu.search(clip, 4, "l2", None, False) for clip in clips]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = list(
                pool.map(lambda clip: proposals_cpu.search(clip, 4, "l2", None, False), clips)
            )
            for (a, b), (c, d) in zip(found, expected, strict=True):
                assert torch.equal(a, c)
                assert torch.equal(b, d)


def _in_a_child(features):
    torch.set_num_threads(1)
    return proposals_cpu.search(features, 3, "l2", None, False)[0]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_in_a_process_that_comes_from_this_one(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    features = torch.randn(1, 3, 20, 4)
    expected = proposals_cpu.search(features, 3, "l2", None, False)[0]
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert torch.equal(pool.apply_async(_in_a_child, (features,)).get(60), expected)


def test_stores_no_scores():
    T, S = 12, 100
    features = torch.randn(1, T, S, 8)
    peak = peak_memory(
        lambda: proposals_cpu.search(features, 4, "l2", None, False), features.device
    )
    assert peak < 0.1 * (T * S) ** 2 * 4
