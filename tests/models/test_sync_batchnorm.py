import copy

import pytest
import torch

from motionlens.models.registry import create_model
from motionlens.models.sync_batchnorm import share_norms, shared_sum


@pytest.mark.parametrize("name", ["cpnet_nano", "c3d_nano"])
def test_a_process_alone_computes_as_ever(name):
    model = create_model(name, num_classes=3, widths=[4, 8, 8, 8], dropout=0.0).double()
    for parameter in model.parameters():  # CP modules begin as the identity
        torch.nn.init.normal_(parameter, std=0.3)
    shared = copy.deepcopy(model)
    share_norms(shared, lambda value: value.clone())
    clip = torch.randn(2, 3, 4, 16, 16, dtype=torch.float64)
    for net in (model, shared):
        net.train()(clip).square().sum().backward()
    assert list(shared.state_dict()) == list(model.state_dict())
    for (key, expected), found in zip(
        model.state_dict().items(), shared.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(found, expected, msg=key)
    for expected, found in zip(model.parameters(), shared.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)
    torch.testing.assert_close(shared.eval()(clip), model.eval()(clip))


def test_norms_say_whether_they_share():
    norm = torch.nn.BatchNorm2d(2)
    assert shared_sum(norm) is None
    share_norms(norm, torch.clone)
    assert shared_sum(norm) is torch.clone
    assert isinstance(norm, torch.nn.BatchNorm2d)


def test_a_plain_mean_of_all_batches():
    norm = torch.nn.BatchNorm1d(2, momentum=None)
    share_norms(norm, torch.clone)
    batches = [torch.randn(5, 2) for _ in range(3)]
    for batch in batches:
        norm(batch)
    mean = torch.stack([batch.mean(0) for batch in batches]).mean(0)
    torch.testing.assert_close(norm.running_mean, mean)
