import copy

import pytest
import torch
from torch import nn

from motionlens.training.ema import WeightAverage


def network():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def change(model):
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            if value.is_floating_point():
                value.normal_()
            else:
                value += 1


def test_the_average_follows_the_weights_with_its_decay():
    model = network()
    average = WeightAverage(model, 0.15)
    expected = model[0].weight.detach().clone()
    for number in range(1, 4):
        change(model)
        average.update()
        decay = min(0.15, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * model[0].weight.detach()
        torch.testing.assert_close(average.values["0.weight"], expected)
    assert average.values["1.num_batches_tracked"] == 3


def test_swapping_in_changes_nothing_afterwards():
    model = network()
    average = WeightAverage(model, 0.9)
    change(model)
    average.update()
    before = copy.deepcopy(model.state_dict())
    kept = {name: value.clone() for name, value in average.values.items()}
    with average.swapped_in():
        for name, value in model.state_dict().items():
            assert torch.equal(value, kept[name])
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(average.values[name], kept[name])


def test_a_stored_average_goes_on():
    model = network()
    average = WeightAverage(model, 0.9)
    change(model)
    average.update()
    stored = copy.deepcopy(average.state_dict())
    other = WeightAverage(copy.deepcopy(model), 0.9)
    other.load_state_dict(stored)
    for one in (average, other):
        one.update()
    assert all(torch.equal(average.values[n], value) for n, value in other.values.items())
    with pytest.raises(ValueError, match="of the same network"):
        WeightAverage(nn.Linear(2, 2), 0.9).load_state_dict(stored)
