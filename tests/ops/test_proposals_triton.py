"""The fused kernel against the reference: interpreted on the CPU, and on GPUs."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.ops.proposals import gather_neighbors, knn_proposals
from motionlens.ops.scoring import METRICS

MASKS = ((None, False), (1, False), (2, False), (None, True), (1, True), (2, True))
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

interpret = pytest.mark.interpret


def chosen_distances(features, indices, metric):
    """Distances of the chosen pairs in float64; inf where none was chosen."""
    features = features.double()
    if metric == "cosine":
        norm = features.norm(dim=-1, keepdim=True)
        features = features / norm.where(norm > 0, 1)
    queries, keys = features.unsqueeze(3), gather_neighbors(features, indices)
    if metric == "l2":
        distances = (queries - keys).square().sum(-1)
    else:
        distances = float(metric == "cosine") - (queries * keys).sum(-1)
    return distances.masked_fill(indices < 0, math.inf)


def assert_agrees(features, k, *, found=None, rtol=1e-5, mismatch=1.0, metric="l2", **options):
    """The kernel finds the reference's distances, at pairs that have them.

    Which of several equal candidates is taken is free, so indices may differ where `mismatch`,
    the largest share that may, allows it.
    """
    options = {"metric": metric, **options}
    if found is None:
        found = knn_proposals(features, k, impl="triton", **options)
    expected = knn_proposals(features, k, impl="reference", **options)
    assert found.indices.dtype == torch.int64
    assert found.distances.dtype == torch.float32
    finite = expected.distances.isfinite()
    scale = expected.distances[finite].abs().max().item() if finite.any() else 0.0
    close = {"rtol": rtol, "atol": rtol * scale}
    torch.testing.assert_close(found.distances, expected.distances, **close)
    chosen = chosen_distances(features, found.indices, metric)
    torch.testing.assert_close(chosen.float(), expected.distances, **close)
    assert (found.distances[..., 1:] >= found.distances[..., :-1]).all()
    assert torch.equal(found.indices < 0, ~finite)
    ordered = found.indices.sort(-1).values
    assert ((ordered[..., 1:] > ordered[..., :-1]) | (ordered[..., :-1] < 0)).all()
    assert (found.indices != expected.indices).float().mean() <= mismatch


@interpret
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", METRICS)
def test_agrees_with_the_reference(metric, dtype):
    torch.manual_seed(0)
    features = torch.randn(2, 4, 19, 24).to(dtype)  # blocks hold 16 queries, 32 candidates
    assert_agrees(features, 5, metric=metric, mismatch=0.0)


@interpret
@pytest.mark.parametrize(("window", "causal"), MASKS)
def test_masks(window, causal):
    torch.manual_seed(0)
    features = torch.randn(1, 4, 19, 24)
    assert_agrees(features, 22, window=window, causal=causal, mismatch=0.0)


@interpret
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_agrees_with_the_reference_on_any_shape(data):
    B, T, S, C = (data.draw(st.integers(*r)) for r in ((1, 2), (2, 4), (1, 20), (1, 70)))
    k = data.draw(st.integers(1, min(32, (T - 1) * S)))
    window, causal = data.draw(st.sampled_from(MASKS))
    metric = data.draw(st.sampled_from(METRICS))
    torch.manual_seed(data.draw(st.integers(0, 10_000)))
    features = torch.randn(B, T, S, C).to(data.draw(st.sampled_from(DTYPES)))
    if data.draw(st.booleans()):  # ties
        features = features.round()
    if data.draw(st.booleans()):  # non-contiguous
        features = features.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert_agrees(features, k, metric=metric, window=window, causal=causal)


@interpret
@pytest.mark.parametrize("order", ["nearest last", "nearest first"])
def test_takes_all_of_a_tile_and_none(order):
    # Frame 0 sees its candidates come nearer and nearer, or only go further away.
    away = torch.arange(1.0, 65.0)
    away = away.flip(0) if order == "nearest last" else away
    features = torch.cat([torch.zeros(1, 1, 64, 1), away.view(1, 1, 64, 1)], dim=1)
    found = knn_proposals(features, 32, impl="triton")
    expected = torch.arange(1.0, 33.0).square().expand(64, 32)
    torch.testing.assert_close(found.distances[0, 0], expected, rtol=0, atol=1e-2)


@interpret
@pytest.mark.parametrize("k", [1, 2, 31, 32])
def test_takes_each_of_many_equals_once(k):
    assert_agrees(torch.ones(1, 3, 21, 4), k)


@interpret
@pytest.mark.parametrize(
    ("dtype", "far", "spread"),
    [
        (torch.float32, 1e5, 1.0),
        (torch.bfloat16, 1e5, 5e4),
        (torch.bfloat16, 1e5, 4e3),
        (torch.float16, 1e3, 50.0),
        (torch.float16, 1.0, 0.01),
        (torch.float32, 1e30, 1e26),
        (torch.bfloat16, 1e30, 1e29),
        (torch.bfloat16, 0.0, 1e-25),
        (torch.float16, 0.0, 1e-5),
    ],
)
def test_far_huge_and_tiny_features_keep_their_order(dtype, far, spread):
    torch.manual_seed(1)
    features = (torch.randn(1, 4, 12, 8) * spread + far).to(dtype)
    found = knn_proposals(features, 4, impl="triton")
    scaled = features.double() / (far or spread)  # distances that float32 can hold
    best = chosen_distances(scaled, knn_proposals(scaled, 4, impl="reference").indices, "l2")
    chosen = chosen_distances(scaled, found.indices, "l2")
    torch.testing.assert_close(chosen, best, rtol=1e-3, atol=float(best.max()) * 1e-5)


@interpret
def test_a_zero_vector_has_cosine_distance_one():
    features = torch.randn(1, 2, 4, 3)
    features[0, 0, 0] = 0
    distances = knn_proposals(features, 4, metric="cosine", impl="triton").distances
    torch.testing.assert_close(distances[0, 0, 0], torch.ones(4))


@interpret
def test_autocast_does_not_round_the_search():
    torch.manual_seed(5)
    features = torch.randn(1, 3, 20, 64)
    for dtype, metric in ((torch.float32, "l2"), (torch.bfloat16, "dot")):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            under = knn_proposals(features.to(dtype), 8, metric=metric, impl="triton")
        assert_agrees(features.to(dtype), 8, metric=metric, found=under)


@interpret
def test_an_empty_batch_is_no_error():
    found = knn_proposals(torch.zeros(0, 2, 3, 4), 2, impl="triton")
    assert found.indices.shape == (0, 2, 3, 2)


@interpret
@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_nan_neither_hangs_nor_leaves_the_clip():
    features = torch.randn(1, 3, 20, 4)
    features[0, 1, 2] = math.nan
    indices = knn_proposals(features, 3, impl="triton").indices
    assert (indices >= -1).all()
    assert (indices < 60).all()


@interpret
@pytest.mark.parametrize(
    ("features", "k", "message"),
    [
        (torch.zeros(1, 2, 40, 4), 33, "k must be at most 32, got 33; take 'auto'"),
        (torch.zeros(1, 2, 3, 1025), 1, "at most 1024 channels, got 1025"),
        (torch.zeros(1, 2, 3, 4).double(), 1, "must be float32, bfloat16 or float16"),
        (torch.zeros(1).expand(1, 2, 2**21, 1000), 1, r"T\*S\*C must be below 2\^31"),
    ],
)
def test_refusals(features, k, message):
    with pytest.raises(ValueError, match=message):
        knn_proposals(features, k, impl="triton")


@interpret
@pytest.mark.parametrize("capability", [80, 90])
def test_compiles_without_a_gpu(capability, tmp_path):
    script = Path(__file__).with_name("compiled_kernel.py")
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}
    del environment["TRITON_INTERPRET"]
    command = [sys.executable, str(script), str(capability)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 4
    for dtype, precision, instruction in lines:
        on_matrix_units = "wgmma" if capability == 90 else "mma"
        assert instruction == (
            "fma" if precision == "ieee" and dtype == "fp32" else on_matrix_units
        )


@pytest.mark.cuda
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(2, 8, 196, 256), (1, 8, 784, 128), (2, 5, 49, 100)])
@pytest.mark.parametrize(("window", "causal"), [(None, False), (2, False), (1, True)])
def test_agrees_with_the_reference_on_a_gpu(window, causal, shape, metric, dtype):
    torch.manual_seed(0)
    features = torch.randn(shape, device="cuda").to(dtype)
    options = {"metric": metric, "window": window, "causal": causal}
    assert_agrees(features, 8, rtol=2e-5, mismatch=1e-3, **options)


@pytest.mark.cuda
@pytest.mark.parametrize("k", [1, 3, 32])
@pytest.mark.parametrize("C", [8, 512, 1024])
def test_any_k_and_channels_on_a_gpu(C, k):
    torch.manual_seed(0)
    features = torch.randn(2, 6, 100, C, device="cuda", dtype=torch.bfloat16)
    assert_agrees(features, k, rtol=2e-5, mismatch=1e-3)


@pytest.mark.cuda
@pytest.mark.parametrize(
    ("precision", "rtol", "mismatch"),
    [("ieee", 1e-5, 1e-3), ("tf32x3", 2e-5, 1e-3), ("tf32", 1e-2, 0.05)],
)
def test_precisions_on_a_gpu(precision, rtol, mismatch):
    from motionlens.ops import proposals_triton
    from motionlens.ops.proposals import Proposals

    torch.manual_seed(0)
    features = torch.randn(2, 8, 196, 256, device="cuda")
    found = Proposals(*proposals_triton.search(features, 8, "l2", None, False, precision=precision))
    assert_agrees(features, 8, found=found, rtol=rtol, mismatch=mismatch)


@pytest.mark.cuda
def test_a_gpu_runs_the_kernel_by_itself_and_the_reference_beyond_it():
    features = torch.randn(1, 4, 50, 16, device="cuda")
    for k, kind in ((4, torch.float32), (33, torch.float32), (4, torch.float64)):
        found = knn_proposals(features.to(kind), k)
        expected = knn_proposals(features.to(kind), k, impl="reference")
        torch.testing.assert_close(found.distances, expected.distances, rtol=2e-5, atol=1e-4)


@pytest.mark.cuda
def test_memory_does_not_grow_with_the_square():
    features = torch.randn(1, 32, 784, 64, device="cuda", dtype=torch.bfloat16)
    knn_proposals(features, 8)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    knn_proposals(features, 8)
    assert torch.cuda.max_memory_allocated() - before < 100 * 2**20  # the scores alone: 2.5 GB
