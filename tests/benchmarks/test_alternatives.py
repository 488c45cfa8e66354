import pytest
import torch

from cpnet.benchmarks.alternatives import NonLocal, PlainCorrespondence
from cpnet.models.correspondence import CorrespondenceProposal


@pytest.mark.parametrize(
    "options", [{}, {"downsample": 2}, {"bottleneck": 4, "k": 4}, {"metric": "cosine"}]
)
@pytest.mark.parametrize("training", [False, True])
def test_the_plain_way_gives_the_same_answers(options, training):
    module = CorrespondenceProposal(16, **options)
    for norm in (m for m in module.modules() if isinstance(m, torch.nn.BatchNorm1d)):
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        norm.running_mean.normal_()
    module.train(training)
    clip = torch.randn(2, 16, 3, 6, 6)
    expected, found = module(clip), PlainCorrespondence(module)(clip)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_non_local_block_against_its_definition():
    block = NonLocal(8).eval()
    torch.nn.init.ones_(block.norm.weight)
    clip = torch.randn(2, 8, 3, 4, 4)
    pooled = torch.nn.functional.max_pool3d(clip, (1, 2, 2))
    theta, phi, g = (
        layer(of).flatten(2)
        for layer, of in ((block.query, clip), (block.key, pooled), (block.value, pooled))
    )
    weights = torch.einsum("bci,bcj->bij", theta, phi).softmax(2)
    seen = torch.einsum("bij,bcj->bci", weights, g).view(2, 4, 3, 4, 4)
    torch.testing.assert_close(block(clip), clip + block.norm(block.out(seen)))


def test_a_fresh_non_local_block_is_the_identity():
    clip = torch.randn(1, 8, 2, 4, 4)
    assert torch.equal(NonLocal(8)(clip), clip)
