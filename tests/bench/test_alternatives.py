import pytest
import torch

from motionlens.bench.alternatives import PlainCorrespondence
from motionlens.models.correspondence import CorrespondenceProposal


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
