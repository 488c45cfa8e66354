import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from motionlens.models.correspondence import CorrespondenceProposal, NormedLinear, set_num_proposals
from motionlens.models.resize import resize_grid
from motionlens.ops.pair_embedding import PairLayer
from motionlens.ops.proposals import knn_proposals
from ops.oracle import unfactorised


def randomised(module):
    """Give every parameter and statistic a value that shows a mistake."""
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if value.is_floating_point():
            positive = name.endswith(("norm.weight", "running_var"))
            value.data = torch.rand_like(value) + 0.5 if positive else torch.randn_like(value) / 4
    return module


def plain_branch(module, x):
    """The module's branch written out: every pair built, norms as norms, float64."""
    x = x.permute(0, 2, 3, 4, 1)
    size = x.shape[2:4]
    grid = [max(1, length // module.downsample) for length in size]

    def normed(layer, values):
        return layer.norm(layer.linear(values).flatten(0, -2)).view(*values.shape[:-1], -1)

    if module.bottleneck is not None:
        x = normed(module.bottleneck, x)
    features = resize_grid(x, grid).flatten(2, 3)
    search = module.search
    indices = knn_proposals(
        features,
        search.k,
        metric=search.metric,
        window=search.window,
        causal=search.causal,
        impl="reference",
    ).indices
    exists = indices >= 0

    def pair_norm(layer):
        def norm(pairs, _):
            kept = exists.flatten()
            out = torch.zeros_like(pairs)
            out[kept] = layer.norm(pairs[kept])
            return out

        return norm

    layers = [PairLayer(m.linear.weight, m.linear.bias, pair_norm(m)) for m in module.mlp]
    embedded = unfactorised(features, indices, grid, layers, module.offset_scale)
    out = normed(module.projection, embedded).unflatten(2, grid)
    return resize_grid(out, size).permute(0, 4, 1, 2, 3)


OPTIONS = st.fixed_dictionaries(
    {
        "k": st.integers(1, 4),
        "widths": st.sampled_from([None, (5,), (4, 6), (3, 4, 5)]),
        "bottleneck": st.sampled_from([None, 3]),
        "downsample": st.sampled_from([1, 2]),
        "offset_scale": st.sampled_from([1.0, 16.0]),
        "metric": st.sampled_from(["l2", "dot", "cosine"]),
        "window": st.sampled_from([None, 1]),
        "causal": st.booleans(),
        "conv_bias": st.booleans(),
        "eps": st.sampled_from([1e-5, 1e-3]),
    }
)


@settings(max_examples=40, deadline=None)
@given(options=OPTIONS, data=st.data())
def test_output_and_gradients_agree_with_the_unfactorised_module(options, data):
    B, C, T = data.draw(st.integers(1, 2)), 8, data.draw(st.integers(2, 4))
    H, W = data.draw(st.integers(4, 7)), data.draw(st.integers(4, 7))
    torch.manual_seed(data.draw(st.integers(0, 10_000)))
    module = randomised(CorrespondenceProposal(C, **options)).double()
    module.train(data.draw(st.booleans()))
    reference = CorrespondenceProposal(C, **options).double()
    reference.load_state_dict(module.state_dict())
    reference.train(module.training)
    x = torch.randn(B, C, T, H, W, dtype=torch.float64, requires_grad=True)
    found, expected = module.branch(x), plain_branch(reference, x)
    torch.testing.assert_close(found, expected)
    cotangent = torch.randn_like(found)
    ours = torch.autograd.grad(found, [x, *module.parameters()], cotangent)
    theirs = torch.autograd.grad(expected, [x, *reference.parameters()], cotangent)
    for name, a, b in zip(["x", *dict(module.named_parameters())], ours, theirs, strict=True):
        torch.testing.assert_close(a, b, msg=lambda text, name=name: f"{name}: {text}")
    for name, value in module.named_buffers():
        torch.testing.assert_close(value, dict(reference.named_buffers())[name])


def test_starts_as_the_identity_and_trains_from_there():
    module = CorrespondenceProposal(8, k=2)
    x = torch.randn(2, 8, 3, 4, 5)
    for mode in (True, False):
        assert torch.equal(module.train(mode)(x), x)
        assert torch.equal(module.branch(x), torch.zeros_like(x))
    module.train()
    module(x).square().sum().backward()
    assert module.projection.norm.weight.grad.abs().sum() > 0


def test_one_weight_is_stored_for_the_first_layer():
    module = CorrespondenceProposal(8, k=2)
    assert module.mlp[0].linear.weight.shape == (2, 3 + 2 * 8)
    assert [layer.linear.out_features for layer in module.mlp] == [2, 4]
    assert module.projection.linear.weight.shape == (8, 4)
    narrow = CorrespondenceProposal(16, k=2, bottleneck=4)
    assert [layer.linear.weight.shape for layer in narrow.mlp] == [(4, 3 + 2 * 4)]


@pytest.mark.parametrize("size", [(2, 5, 7), (3, 1, 1), (9, 4, 4), (5, 3, 2)])
@pytest.mark.parametrize("downsample", [1, 2])
def test_any_clip_size(size, downsample):
    module = randomised(CorrespondenceProposal(4, k=1, downsample=downsample))
    x = torch.randn(1, 4, *size)
    assert module(x).shape == x.shape


def test_memory_format_does_not_matter():
    module = randomised(CorrespondenceProposal(6, k=3)).eval()
    x = torch.randn(2, 6, 4, 5, 5)
    expected = module(x)
    torch.testing.assert_close(module(x.to(memory_format=torch.channels_last_3d)), expected)
    sliced = torch.randn(2, 6, 4, 5, 10)
    sliced[..., ::2] = x
    torch.testing.assert_close(module(sliced[..., ::2]), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("training", [False, True])
def test_half_precision(dtype, training):
    torch.manual_seed(0)
    module = randomised(CorrespondenceProposal(16, k=4)).to(dtype).train(training)
    x = torch.randn(1, 16, 4, 6, 6).to(dtype)
    out = module.branch(x)
    assert out.dtype == dtype
    assert out.isfinite().all()
    wide = CorrespondenceProposal(16, k=4).double().train(training)
    wide.load_state_dict(module.double().state_dict())
    error = (out.double() - wide.branch(x.double())).norm() / out.double().norm()
    assert error < 0.05


def test_autocast():
    module = randomised(CorrespondenceProposal(16, k=4))
    x = torch.randn(2, 16, 4, 6, 6)
    expected = module.branch(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = module.branch(x)
    assert (out.float() - expected).norm() / expected.norm() < 0.05


@pytest.mark.slow
def test_compiles():
    module = randomised(CorrespondenceProposal(8, k=2, downsample=2))
    x = torch.randn(1, 8, 3, 6, 6)
    for mode in (True, False):
        module.train(mode)
        compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), module(x))


def test_more_proposals_may_be_used_than_in_training():
    module = randomised(CorrespondenceProposal(4, k=2)).eval()
    x = torch.randn(1, 4, 3, 3, 3)
    before = module(x)
    set_num_proposals(module, 5)
    assert module.k == 5
    assert not torch.equal(module(x), before)
    module.k = 2
    assert torch.equal(module(x), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be a whole number of at least 1, got 0"),
        ({"metric": "l1"}, "metric must be one of l2, dot, cosine, got 'l1'"),
        ({"window": 0}, "window must be a whole number of at least 1"),
        ({"downsample": 0}, "downsample must be a whole number of at least 1, got 0"),
        ({"widths": ()}, "widths must name at least one layer"),
        ({"bottleneck": -1}, "got widths=.*, bottleneck=-1"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        CorrespondenceProposal(8, **options)


def test_refusals_of_clips():
    module = CorrespondenceProposal(8, k=30)
    with pytest.raises(ValueError, match=r"shape \(B, 8, T, H, W\), got \(1, 4, 2, 3, 3\)"):
        module(torch.zeros(1, 4, 2, 3, 3))
    with pytest.raises(ValueError, match=r"k must be at most \(T-1\)\*S = 9, got 30"):
        module(torch.zeros(1, 8, 2, 3, 3))
    with pytest.raises(ValueError, match="at least T = 2 frames, got 1"):
        module(torch.zeros(1, 8, 1, 9, 9))
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        set_num_proposals(module, 0)
    with pytest.raises(ValueError, match="Linear has no CP module"):
        set_num_proposals(torch.nn.Linear(1, 1), 2)


def test_folding_keeps_the_function():
    layer = randomised(NormedLinear(3, 5, bias=True, eps=1e-3)).double().eval()
    x = torch.randn(7, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x), layer.norm(layer.linear(x)))


@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch_stays_empty(training):
    module = CorrespondenceProposal(8, k=2).train(training)
    assert module(torch.randn(0, 8, 3, 4, 4)).shape == (0, 8, 3, 4, 4)
