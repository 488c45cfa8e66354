import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.ops.scoring import HALF_METRICS, prepare_half

HALVES = (torch.bfloat16, torch.float16)


def distances(scoring):
    """All distances by the scoring rule, with products and sums in float32, ``(B, N, N)``."""
    points = scoring.points.float()
    return scoring.distances(points @ points.mT + scoring.bias[:, None, :])


def true_distances(features, metric):
    features = features.double()
    if metric == "dot":
        return -(features @ features.mT)
    return (features[:, :, None] - features[:, None]).square().sum(-1)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_distances_are_those_of_float32(data):
    dtype, metric = data.draw(st.sampled_from(HALVES)), data.draw(st.sampled_from(HALF_METRICS))
    B, N, C = (data.draw(st.integers(*r)) for r in ((1, 3), (2, 30), (1, 40)))
    torch.manual_seed(data.draw(st.integers(0, 10_000)))
    features = torch.randn(B, N, C)
    if data.draw(st.booleans()):  # some channels far from the origin
        features += torch.randint(0, 2, (C,)) * data.draw(st.sampled_from([3.0, 50.0, -1000.0]))
    if data.draw(st.booleans()):
        features = features.relu()
    features = features.to(dtype)
    expected = true_distances(features, metric)
    # A clip's largest dot product limits the precision of all, as in any float32 sum.
    scale = features.double().square().sum(-1).max() if metric == "dot" else expected.max()
    found = distances(prepare_half(features, metric)).double()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=float(scale) * 2e-5)


@pytest.mark.parametrize("dtype", HALVES)
def test_points_are_the_features_moved_exactly(dtype):
    torch.manual_seed(0)
    features = torch.randn(2, 50, 6)
    features[..., 3:] += 100
    features = features.to(dtype)
    scoring = prepare_half(features, "l2")
    assert scoring.points.dtype == dtype
    unit = scoring.unit[..., None]
    moved = features.double() - scoring.points.double() * unit
    assert torch.equal(moved, moved[:, :1].expand_as(moved))  # by the same for all positions
    assert (moved[..., :3] == 0).all()  # what lies around the origin stays
    assert scoring.points[..., 3:].double().mul(unit).mean(1).abs().max() < 1  # the rest is centred


def test_huge_and_tiny_features_are_scaled_exactly():
    torch.manual_seed(0)
    features = torch.randn(1, 20, 8).bfloat16()
    plain = prepare_half(features, "l2")
    for factor in (2.0**120, 2.0**-90):
        scaled = prepare_half(features * factor, "l2")
        assert torch.equal(scaled.points, plain.points)
        assert torch.equal(scaled.bias, plain.bias)
        assert torch.equal(scaled.unit, plain.unit * factor)


@pytest.mark.parametrize("dtype", HALVES)
def test_says_that_features_are_not_finite(dtype):
    features = torch.zeros(2, 3, 4, dtype=dtype)
    features[1, 0, 0] = torch.inf
    assert prepare_half(features, "l2").unit.isfinite().flatten().tolist() == [True, False]
