import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import motionlens.ops.proposals as proposals_module
from motionlens.ops import proposals_reference
from motionlens.ops.proposals import Proposals, gather_neighbors, knn_proposals, pair_offsets
from motionlens.ops.proposals_cpu import GROUP, top_k
from motionlens.ops.scoring import METRICS
from ops.oracle import all_distances

MASKS = ((None, False), (1, False), (2, False), (None, True), (1, True), (2, True))


def assert_nearest(features, k, proposals, rtol=1e-5, **options):
    """The proposals are k different allowed positions at the k least distances, nearest first.

    Which of several equal candidates is taken is free, so distances are compared, not indices.
    """
    table = all_distances(features, **options)
    B, T, S, _ = features.shape
    indices, distances = proposals
    assert indices.shape == distances.shape == (B, T, S, k)
    assert indices.dtype == torch.int64
    scale = table[table.isfinite()].abs().max().item()
    close = {"rtol": rtol, "atol": rtol * scale}
    best = table.sort(-1).values[..., :k]
    # The oracle ran on the same rounded features, so only float32 arithmetic separates them.
    torch.testing.assert_close(distances.double(), best, **close)
    missing = best.isinf()
    assert torch.equal(indices < 0, missing)
    chosen = table.gather(-1, indices.clamp_min(0)).masked_fill(missing, math.inf)
    torch.testing.assert_close(chosen, best, **close)
    assert (distances[..., 1:] >= distances[..., :-1]).all()
    for row in indices.flatten(0, 2).tolist():
        real = [index for index in row if index >= 0]
        assert len(set(real)) == len(real)


def own_frame(indices, S):
    frame = torch.arange(indices.shape[1]).view(1, -1, 1, 1)
    return (indices.div(S, rounding_mode="floor") == frame) & (indices >= 0)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_agrees_with_the_loop_oracle(data):
    B, T, S, C = (data.draw(st.integers(*r)) for r in ((1, 2), (2, 5), (1, 7), (1, 9)))
    k = data.draw(st.integers(1, (T - 1) * S))
    window, causal = data.draw(st.sampled_from(MASKS))
    metric = data.draw(st.sampled_from(METRICS))
    torch.manual_seed(data.draw(st.integers(0, 10_000)))
    features = torch.randn(B, T, S, C)
    if data.draw(st.booleans()):  # ties
        features = features.round()
    if data.draw(st.booleans()):  # non-contiguous
        features = features.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    options = {"metric": metric, "window": window, "causal": causal}
    for impl in ("auto", "reference"):
        found = knn_proposals(features, k, impl=impl, **options)
        assert_nearest(features, k, found, **options)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_dtype(dtype, metric):
    torch.manual_seed(0)
    features = torch.randn(2, 4, 9, 16).to(dtype)
    found = knn_proposals(features, 5, metric=metric)
    assert found.distances.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_nearest(features, 5, found, metric=metric)


@pytest.mark.parametrize("metric", ["l2", "cosine"])
@pytest.mark.parametrize("impl", ["auto", "reference"])
@pytest.mark.parametrize(
    ("dtype", "far", "spread"),
    [
        (torch.float32, 1e5, 1.0),
        (torch.bfloat16, 1e5, 5e4),
        (torch.float16, 1e3, 50.0),
        (torch.float32, 1e30, 1e26),
        (torch.float32, 0.0, 1e-25),
    ],
)
def test_far_huge_and_tiny_features_keep_their_order(dtype, far, spread, impl, metric):
    torch.manual_seed(1)
    features = (torch.randn(1, 4, 12, 8) * spread + far).to(dtype)
    scaled = features.double() / (far or spread)  # distances that float32 can hold
    found = knn_proposals(features, 4, impl=impl, metric=metric)
    assert not own_frame(found.indices, 12).any()
    table = all_distances(scaled, metric)
    best = table.sort(-1).values[..., :4]
    chosen = table.gather(-1, found.indices)
    # Exact up to float32 rounding of coordinates around the centre.
    torch.testing.assert_close(chosen, best, rtol=1e-3, atol=float(best.max()) * 1e-5)


def test_dot_of_far_features_keeps_its_order():
    torch.manual_seed(2)
    features = torch.randn(1, 3, 10, 4) + 1e5
    table = all_distances(features, "dot")
    chosen = table.gather(-1, knn_proposals(features, 3, metric="dot").indices)
    best = table.sort(-1).values[..., :3]
    # A difference of 1 in features moves the product by 1e5; what is left is its rounding.
    torch.testing.assert_close(chosen, best, rtol=0, atol=1.0)


def test_far_apart_frames_never_choose_their_own():
    # With a finite sentinel in place of an exclusion, these would match their own frame.
    frame = torch.arange(3.0).view(1, 3, 1, 1)
    features = frame * 1e6 + torch.randn(1, 3, 6, 2)
    for metric in METRICS:
        found = knn_proposals(features, 12, metric=metric)
        assert not own_frame(found.indices, 6).any()
        assert found.indices.sort(-1).values.unique(dim=2).shape[2] == 1  # both others, entirely


def test_duplicate_features_have_distance_zero():
    features = torch.randn(1, 1, 5, 3).expand(1, 4, 5, 3) + 100
    found = knn_proposals(features, 3)
    torch.testing.assert_close(found.distances, torch.zeros(1, 4, 5, 3), atol=1e-5, rtol=0)
    assert torch.equal(found.indices % 5, torch.arange(5).view(1, 1, 5, 1).expand(1, 4, 5, 3))


def test_a_zero_vector_has_cosine_distance_one():
    features = torch.randn(1, 2, 4, 3)
    features[0, 0, 0] = 0
    distances = knn_proposals(features, 4, metric="cosine").distances
    torch.testing.assert_close(distances[0, 0, 0], torch.ones(4))


def test_permuting_positions_permutes_the_answer():
    torch.manual_seed(3)
    features = torch.randn(1, 3, 8, 5)
    order = torch.randperm(8)
    plain, permuted = knn_proposals(features, 4), knn_proposals(features[:, :, order], 4)
    torch.testing.assert_close(permuted.distances, plain.distances[:, :, order])
    back = permuted.indices.div(8, rounding_mode="floor") * 8 + order[permuted.indices % 8]
    assert torch.equal(back, plain.indices[:, :, order])


def test_causal_padding():
    found = knn_proposals(torch.randn(1, 3, 2, 4), 3, causal=True)
    assert (found.indices[0, 0] == -1).all()
    assert found.distances[0, 0].isinf().all()
    assert (found.indices[0, 1, :, 2] == -1).all()
    assert (found.indices[0, 1, :, :2] >= 0).all()
    assert (found.indices[0, 2] >= 0).all()


@pytest.mark.parametrize("width", [1, 39, 160, 163, 407])
def test_grouped_selection_is_exact(width):
    torch.manual_seed(width)
    k = min(4, width)
    for scores in (torch.randn(11, width), torch.randint(0, 5, (11, width)).float()):
        values, columns = top_k(scores, k)
        torch.testing.assert_close(values, scores.topk(k).values, rtol=0, atol=0)
        assert torch.equal(scores.gather(1, columns), values)
        assert all(len(set(row)) == k for row in columns.tolist())
    assert GROUP * 4 * 4 < 163  # the widths above try both ways


def test_long_rows_agree_with_the_reference():
    torch.manual_seed(4)
    features = torch.randn(2, 5, 70, 6)
    for window, causal in MASKS:
        fast = knn_proposals(features, 6, window=window, causal=causal)
        slow = knn_proposals(features, 6, window=window, causal=causal, impl="reference")
        torch.testing.assert_close(fast.distances, slow.distances)
        assert (fast.indices == slow.indices).float().mean() > 0.999


def test_autocast_does_not_round_the_search():
    torch.manual_seed(5)
    features = torch.randn(1, 4, 40, 64)
    plain = knn_proposals(features, 8)
    for impl in ("auto", "reference"):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            under = knn_proposals(features, 8, impl=impl)
        torch.testing.assert_close(under.distances, plain.distances)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric", METRICS)
def test_refuses_features_that_are_not_finite(bad, metric):
    features = torch.randn(2, 3, 4, 5)
    features[1, 2, 3, 4] = bad
    with pytest.raises(ValueError, match="features must be finite, got NaN or inf"):
        knn_proposals(features, 2, metric=metric)


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (torch.zeros(2, 3, 4), {}, r"features must have shape \(B, T, S, C\), got \(2, 3, 4\)"),
        (torch.zeros(1, 2, 3, 4).long(), {}, "features must be of a float dtype"),
        (torch.zeros(1, 1, 3, 4), {}, "at least T = 2 frames, got 1; sample more frames"),
        (torch.zeros(1, 2, 0, 4), {}, "at least one position and channel"),
        (torch.zeros(1, 4, 196, 4), {"k": 700}, r"k must be at most \(T-1\)\*S = 588, got 700"),
        (torch.zeros(1, 2, 3, 4), {"k": 0}, "k must be a whole number of at least 1, got 0"),
        (torch.zeros(1, 2, 3, 4), {"metric": "l1"}, f"metric must be one of {', '.join(METRICS)}"),
        (torch.zeros(1, 2, 3, 4), {"k": 1.5}, "k must be a whole number of at least 1, got 1.5"),
        (
            torch.zeros(1, 2, 3, 4),
            {"window": 0},
            "window must be a whole number of at least 1, got",
        ),
        (torch.zeros(1, 2, 3, 4), {"impl": "cuda"}, "impl must be"),
    ],
)
def test_refusals(features, options, message):
    with pytest.raises(ValueError, match=message):
        knn_proposals(features, **{"k": 1, **options})


def test_an_empty_batch_is_no_error():
    assert knn_proposals(torch.zeros(0, 2, 3, 4), 2).indices.shape == (0, 2, 3, 2)


def test_registration():
    features = torch.randn(2, 3, 4, 5)
    op = torch.ops.motionlens.knn_proposals.default
    for arguments in ((3, "l2", None, False), (2, "cosine", 1, True)):
        torch.library.opcheck(op, (features, *arguments))


class Search(torch.nn.Module):
    def forward(self, features):
        found = knn_proposals(features, 3, window=1)
        return gather_neighbors(features, found.indices).sum() + found.indices.sum()


def test_compiles_and_exports_whole():
    features = torch.randn(1, 4, 6, 5, requires_grad=True)
    expected = Search()(features)
    compiled = torch.compile(Search(), fullgraph=True, backend="aot_eager")(features)
    torch.testing.assert_close(compiled, expected)
    (gradient,) = torch.autograd.grad(compiled, features)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, features)[0])
    exported = torch.export.export(Search(), (features.detach(),))
    torch.testing.assert_close(exported.module()(features.detach()), expected.detach())


def test_gathers_neighbours_and_zeros():
    features = torch.randn(2, 3, 4, 5, requires_grad=True)
    found = knn_proposals(features, 6, causal=True)
    assert not found.distances.requires_grad
    gathered = gather_neighbors(features, found.indices)
    for b, t, s, n in torch.cartesian_prod(*map(torch.arange, found.indices.shape)).tolist():
        index = found.indices[b, t, s, n].item()
        expected = features[b].flatten(0, 1)[index] if index >= 0 else torch.zeros(5)
        assert torch.equal(gathered[b, t, s, n], expected)
    gathered.sum().backward()
    assert features.grad.abs().sum() > 0


def test_offsets_are_neighbour_minus_query_in_fractions_of_the_clip():
    # T=2, H=2, W=3; position 1 of frame 0 is (0, 0, 1), index 11 is frame 1, row 1, column 2.
    indices = torch.tensor([11, -1]).expand(1, 2, 6, 2)
    offsets = pair_offsets(indices, (2, 3), dtype=torch.float64)
    torch.testing.assert_close(
        offsets[0, 0, 1, 0], torch.tensor([1 / 2, 1 / 2, 1 / 3], dtype=torch.float64)
    )
    assert torch.equal(offsets[..., 1, :], torch.zeros(1, 2, 6, 3, dtype=torch.float64))


def test_proposals_is_a_named_tuple():
    assert Proposals._fields == ("indices", "distances")


def test_the_cpu_search_can_be_named():
    features = torch.randn(1, 3, 10, 4)
    named, best = knn_proposals(features, 3, impl="cpu"), knn_proposals(features, 3)
    assert torch.equal(named.indices, best.indices)
    assert torch.equal(named.distances, best.distances)


def test_the_cpu_search_needs_the_cpu():
    features = torch.zeros(1, 2, 3, 4, device="meta")
    with pytest.raises(ValueError, match="impl 'cpu' needs features on the CPU, got meta"):
        knn_proposals(features, 1, impl="cpu")


def test_refuses_unknown_names():
    message = "impl must be 'auto', 'reference', 'cpu' or 'triton', got 'cuda'"
    with pytest.raises(ValueError, match=message):
        knn_proposals(torch.zeros(1, 2, 3, 4), 1, impl="cuda")


class NoKernel:
    """Stands for a fused kernel that refuses everything."""

    @staticmethod
    def refusal(features, k):
        return "it has no wish to"


@pytest.mark.parametrize(
    ("fused", "message"),
    [
        (None, "impl 'triton' needs Triton, which is not installed; take 'auto'"),
        (NoKernel, "impl 'triton' cannot do this search: it has no wish to; take 'auto'"),
    ],
)
def test_without_the_kernel_cuda_runs_the_reference(fused, message, monkeypatch):
    monkeypatch.setattr(proposals_module, "_triton_search", lambda: fused)
    features = torch.randn(1, 3, 10, 4)
    found = proposals_module._search_on_cuda(features, 3, "l2", 1, False)
    expected = proposals_reference.search(features, 3, "l2", 1, False)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    with pytest.raises(ValueError, match=message):
        knn_proposals(features, 3, impl="triton")


def test_a_cuda_device_gets_the_kernel_if_it_can(monkeypatch):
    class Kernel:
        refusal = staticmethod(lambda features, k: None)
        search = staticmethod(lambda *arguments: arguments)

    monkeypatch.setattr(proposals_module, "_triton_search", lambda: Kernel)
    assert proposals_module._search_on_cuda("features", 3, "dot", 1, True)[1:] == (
        3,
        "dot",
        1,
        True,
    )


@pytest.mark.parametrize("statement", ["sys.modules['triton'] = None", ""])
def test_importing_the_operations_does_not_import_triton(statement):
    code = f"""
import sys, torch
{statement}
import motionlens.ops.proposals as proposals
assert "motionlens.ops.proposals_triton" not in sys.modules
if sys.modules.get("triton", 0) is None:
    assert proposals._triton_search() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)
